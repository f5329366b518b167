%% from "pieces.cu" import head, warp_reduce, stream_keys with context
${head()}
${warp_reduce("sum")}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (row >= ${queries}) return;
${stream_keys("0", "1")}
    for (int j = 0; j < 4; j++) {
        int d = lane + 32 * j;
        if (d < dim) {
            out[row * dim + d] = acc[j] / s;
        }
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${queries} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
