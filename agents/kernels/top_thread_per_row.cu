%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float best[${count}];
    for (int k = 0; k < ${count}; k++) {
        best[k] = -INFINITY;
    }
    for (int c = 0; c < cols; c++) {
        float v = ${x}[row * cols + c];
        #pragma unroll
        for (int k = 0; k < ${count}; k++) {
            float larger = fmaxf(best[k], v);
            v = fminf(best[k], v);
            best[k] = larger;
        }
    }
    for (int k = 0; k < ${count}; k++) {
        ${y}[row * ${count} + k] = best[k];
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (rows - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
