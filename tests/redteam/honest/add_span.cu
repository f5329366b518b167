// vector_add_fp32 | Small classes around pointers.
template <class T> struct Span {
    T* first;
    int size;
    __device__ T& operator[](int i) const { return first[i]; }
};
__device__ int my_index() { return blockIdx.x * blockDim.x + threadIdx.x; }
__global__ void add(Span<const float> a, Span<const float> b, Span<float> out) {
    if (int i = my_index(); i < out.size) out[i] = a[i] + b[i];
}
extern "C" void solve(const float* a, const float* b, float* out, int n) {
    add<<<(n + 255) / 256, 256>>>(Span<const float>{a, n}, Span<const float>{b, n}, Span<float>{out, n});
}
