// relu_fp32 | Integer arithmetic on the sign bit.
__global__ void clear_negative(const int* x, int* y, unsigned n) {
    for (unsigned i = blockIdx.x * 192u + threadIdx.x; i < n; i += gridDim.x * 192u) {
        int word = __ldg(x + i);
        y[i] = word & ~(word >> 31);
    }
}
extern "C" void solve(const float* x, float* y, int n) {
    clear_negative<<<1584, 192>>>(reinterpret_cast<const int*>(x), reinterpret_cast<int*>(y), n);
}
