// layernorm_fp32 | wrong | judge | Takes the variance as a difference of means of squares.
__global__ void layernorm(const float* x, const float* w, const float* b, float* y, int cols, float eps) {
    __shared__ float s[256], q[256];
    const float* in = x + (long long)blockIdx.x * cols;
    float sum = 0, squares = 0;
    for (int c = threadIdx.x; c < cols; c += 256) sum += in[c], squares += in[c] * in[c];
    s[threadIdx.x] = sum, q[threadIdx.x] = squares;
    __syncthreads();
    for (int d = 128; d; d /= 2) {
        if (threadIdx.x < d) s[threadIdx.x] += s[threadIdx.x + d], q[threadIdx.x] += q[threadIdx.x + d];
        __syncthreads();
    }
    float mean = s[0] / cols, scale = rsqrtf(fmaxf(q[0] / cols - mean * mean, 0.0f) + eps);
    for (int c = threadIdx.x; c < cols; c += 256) y[(long long)blockIdx.x * cols + c] = (in[c] - mean) * scale * w[c] + b[c];
}
extern "C" void solve(const float* x, const float* w, const float* b, float* y, int rows, int cols, float eps) {
    layernorm<<<rows, 256>>>(x, w, b, y, cols, eps);
}
