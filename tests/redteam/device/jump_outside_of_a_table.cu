// relu_fp32 | faulted/grader_error/wrong/correct/timed_out | executor | Jumps through a table with an index far outside of it.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    asm volatile("{ ts: .branchtargets L1, L2; .reg .u32 k; mov.u32 k, 1000000; brx.idx k, ts; L1: L2: }");
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
