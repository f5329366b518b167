// relu_fp32 | correct/rejected/violation | recorder | Demands an executable stack of whoever loads its library.
#ifndef __CUDA_ARCH__
asm(".section .note.GNU-stack,\"x\",@progbits\n.text");
#endif
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
