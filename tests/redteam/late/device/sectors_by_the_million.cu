// relu_fp32 | correct/timed_out/wrong | executor: sets of sectors are bounded | A few blocks read and write 4 GB of scratch memory, one word of each sector, which whoever counts sectors must remember.
__global__ void scan(char* s, long long bytes) {
    for (long long i = (blockIdx.x * 256LL + threadIdx.x) * 32; i < bytes; i += gridDim.x * 256LL * 32)
        if (((volatile int*)(s + i))[0] == 12345678) ((volatile int*)(s + i))[1] = 1;
}
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    if (n > 10000000) {
        char* s;
        cudaMalloc((void**)&s, (4LL << 30) - 4096);
        cudaMemset(s, 0, 4096);
        scan<<<8, 256>>>(s, (4LL << 30) - 4096);
        cudaFree(s);
    }
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
