// cumsum_fp32 | Blelloch's up-sweep and down-sweep in shared memory.
__global__ void scan(const float* x, float* y, int cols) {
    __shared__ float t[512];
    float carry = 0.0f;
    for (int first = 0; first < cols; first += 512) {
        int a = threadIdx.x, b = threadIdx.x + 256;
        float va = first + a < cols ? x[(size_t)blockIdx.x * cols + first + a] : 0.0f;
        float vb = first + b < cols ? x[(size_t)blockIdx.x * cols + first + b] : 0.0f;
        t[a] = va;
        t[b] = vb;
        int offset = 1;
        for (int d = 256; d > 0; d >>= 1, offset *= 2) {
            __syncthreads();
            if (threadIdx.x < d) t[offset * (2 * threadIdx.x + 2) - 1] += t[offset * (2 * threadIdx.x + 1) - 1];
        }
        __syncthreads();
        float total = t[511];
        __syncthreads();
        if (threadIdx.x == 0) t[511] = 0.0f;
        for (int d = 1; d < 512; d *= 2) {
            offset >>= 1;
            __syncthreads();
            if (threadIdx.x < d) {
                int i = offset * (2 * threadIdx.x + 1) - 1, j = offset * (2 * threadIdx.x + 2) - 1;
                float left = t[i];
                t[i] = t[j];
                t[j] += left;
            }
        }
        __syncthreads();
        if (first + a < cols) y[(size_t)blockIdx.x * cols + first + a] = carry + t[a] + va;
        if (first + b < cols) y[(size_t)blockIdx.x * cols + first + b] = carry + t[b] + vb;
        carry += total;
        __syncthreads();
    }
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    scan<<<rows, 256>>>(x, y, cols);
}
