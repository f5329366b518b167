// softmax_fp32 | wrong | judge | Leaves out the maximum, which ordinary inputs do not need.
__global__ void softmax(const float* x, float* y, int cols) {
    __shared__ float sums[256];
    const float* row = x + (long long)blockIdx.x * cols;
    float sum = 0.0f;
    for (int c = threadIdx.x; c < cols; c += 256) sum += expf(row[c]);
    sums[threadIdx.x] = sum;
    __syncthreads();
    for (int s = 128; s; s /= 2) {
        if (threadIdx.x < s) sums[threadIdx.x] += sums[threadIdx.x + s];
        __syncthreads();
    }
    for (int c = threadIdx.x; c < cols; c += 256) y[(long long)blockIdx.x * cols + c] = expf(row[c]) / sums[0];
}
extern "C" void solve(const float* x, float* y, int rows, int cols) { softmax<<<rows, 256>>>(x, y, cols); }
