// relu_fp32 | rejected | recorder | Captures the work in a graph and never launches it.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    cudaStream_t s;
    cudaGraph_t graph;
    cudaStreamCreate(&s);
    cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal);
    relu<<<(n + 255) / 256, 256, 0, s>>>(x, y, n);
    cudaStreamEndCapture(s, &graph);
}
