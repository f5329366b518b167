// relu_fp32 | faulted | executor | Reads sixteen bytes across the end of its input.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float4 v = i * 4 < n ? ((const float4*)x)[i] : make_float4(0, 0, 0, 0);
    float f[4] = {v.x, v.y, v.z, v.w};
    for (int k = 0; k < 4; k++)
        if (4 * i + k < n) y[4 * i + k] = fmaxf(f[k], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
