// dequantize_relu_u8 | All 256 results in a table in shared memory.
__global__ void look_up(const unsigned char* x, float* y, float scale, int zero, int n) {
    __shared__ float table[256];
    table[threadIdx.x] = max(int(threadIdx.x) - zero, 0) * scale;
    __syncthreads();
    for (long long i = blockIdx.x * 256ll + threadIdx.x; i < n; i += 256ll * gridDim.x) y[i] = table[x[i]];
}
extern "C" void solve(const unsigned char* x, float* y, float scale, int zero_point, int n) {
    look_up<<<2112, 256>>>(x, y, scale, zero_point, n);
}
