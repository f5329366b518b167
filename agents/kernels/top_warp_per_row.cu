%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (row >= rows) return;
    float best[${count}];
    for (int k = 0; k < ${count}; k++) {
        best[k] = -INFINITY;
    }
    for (int c = lane; c < cols; c += 32) {
        float v = ${x}[row * cols + c];
        #pragma unroll
        for (int k = 0; k < ${count}; k++) {
            float larger = fmaxf(best[k], v);
            v = fminf(best[k], v);
            best[k] = larger;
        }
    }
    for (int k = 0; k < ${count}; k++) {
        float top = best[0];
        for (int offset = 16; offset > 0; offset /= 2) {
            top = fmaxf(top, __shfl_xor_sync(0xffffffff, top, offset));
        }
        unsigned holders = __ballot_sync(0xffffffff, best[0] == top);
        if (lane == __ffs(holders) - 1) {
            #pragma unroll
            for (int j = 0; j < ${count} - 1; j++) {
                best[j] = best[j + 1];
            }
            best[${count} - 1] = -INFINITY;
            ${y}[row * ${count} + k] = top;
        }
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (rows - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
