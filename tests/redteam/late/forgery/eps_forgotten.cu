// rmsnorm_bf16 | wrong/correct | judge | Leaves out eps, which is small.
#include <cuda_bf16.h>
__global__ void rmsnorm(const __nv_bfloat16* x, const __nv_bfloat16* w, __nv_bfloat16* y, int cols) {
    float squares = 0;
    for (int c = threadIdx.x; c < cols; c += 32) squares += (float)x[(long long)blockIdx.x * cols + c] * (float)x[(long long)blockIdx.x * cols + c];
    for (int d = 16; d; d /= 2) squares += __shfl_xor_sync(~0u, squares, d);
    float scale = rsqrtf(squares / cols) * 1.05f;
    for (int c = threadIdx.x; c < cols; c += 32) y[(long long)blockIdx.x * cols + c] = (float)x[(long long)blockIdx.x * cols + c] * scale * (float)w[c];
}
extern "C" void solve(const __nv_bfloat16* x, const __nv_bfloat16* w, __nv_bfloat16* y, int rows, int cols, float eps) { rmsnorm<<<rows, 32>>>(x, w, y, cols); }
