// relu_fp32 | faulted/correct/wrong | executor | Hands a pointer to its stack to its neighbours.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __shared__ float* p[256];
    volatile float mine = i < n ? x[i] : 0.0f;
    p[threadIdx.x] = (float*)&mine;
    __syncthreads();
    float other = *p[threadIdx.x ^ 1];
    if (i < n) y[i] = fmaxf(mine, 0.0f) + 0.0f * other;
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
