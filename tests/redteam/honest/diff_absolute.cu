// abs_diff_u8 | A thread per byte, the absolute value of a signed difference.
__global__ void differences(const unsigned char* __restrict__ a, const unsigned char* __restrict__ b,
                            unsigned char* __restrict__ out, int n) {
    for (int i = threadIdx.x + blockIdx.x * blockDim.x; i < n; i += blockDim.x * gridDim.x) {
        int d = int(a[i]) - int(b[i]);
        out[i] = (unsigned char)abs(d);
    }
}
extern "C" void solve(const unsigned char* a, const unsigned char* b, unsigned char* out, int n) {
    differences<<<2640, 512>>>(a, b, out, n);
}
