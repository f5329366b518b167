// swiglu_bf16 | Two bfloat16 in each 32-bit word, unpacked by shifts.
#include <cuda_bf16.h>
__device__ float low(unsigned w) { return __uint_as_float(w << 16); }
__device__ float high(unsigned w) { return __uint_as_float(w & 0xffff0000u); }
__device__ float gated(float g, float u) { return g * u / (1.0f + expf(-g)); }
__global__ void words(const unsigned* gate, const unsigned* up, __nv_bfloat162* out, int pairs) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= pairs) return;
    unsigned g = gate[i], u = up[i];
    out[i] = __floats2bfloat162_rn(gated(low(g), low(u)), gated(high(g), high(u)));
}
__global__ void odd(const __nv_bfloat16* gate, const __nv_bfloat16* up, __nv_bfloat16* out, int at) {
    out[at] = __float2bfloat16(gated(__bfloat162float(gate[at]), __bfloat162float(up[at])));
}
extern "C" void solve(const __nv_bfloat16* gate, const __nv_bfloat16* up, __nv_bfloat16* out, int n) {
    if (n >= 2) words<<<(n / 2 + 255) / 256, 256>>>((const unsigned*)gate, (const unsigned*)up, (__nv_bfloat162*)out, n / 2);
    if (n % 2) odd<<<1, 1>>>(gate, up, out, n - 1);
}
