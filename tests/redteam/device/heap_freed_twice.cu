// relu_fp32 | faulted/correct/grader_error | executor | Frees heap memory twice, and a pointer that never was.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    void* p = malloc(64);
    free(p);
    free(p);
    free((char*)y + 8);
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
