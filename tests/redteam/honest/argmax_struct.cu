// argmax_fp32 | A struct with an order, combined in shared memory.
struct Best {
    float value;
    int index;
    __device__ bool beats(const Best& other) const {
        return value > other.value || (value == other.value && index < other.index);
    }
};
__global__ void argmax(const float* x, long long* out, int cols) {
    __shared__ Best all[256];
    const float* row = x + (long long)blockIdx.x * cols;
    Best mine{-INFINITY, 0x7fffffff};
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        Best found{row[c], c};
        if (found.beats(mine)) mine = found;
    }
    all[threadIdx.x] = mine;
    __syncthreads();
    for (int s = 128; s > 0; s /= 2) {
        if (threadIdx.x < s && all[threadIdx.x + s].beats(all[threadIdx.x])) all[threadIdx.x] = all[threadIdx.x + s];
        __syncthreads();
    }
    if (!threadIdx.x) out[blockIdx.x] = all[0].index;
}
extern "C" void solve(const float* x, long long* out, int rows, int cols) {
    argmax<<<rows, 256>>>(x, out, cols);
}
