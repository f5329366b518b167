// relu_fp32 | From the last element to the first, with a conditional expression.
__global__ void backwards(const float* source, float* target, int count) {
    const int place = count - 1 - int(blockIdx.x * 128 + threadIdx.x);
    if (place < 0) return;
    const float value = source[place];
    target[place] = value > 0 ? value : 0;
}
extern "C" void solve(const float* x, float* y, int n) {
    backwards<<<n / 128 + 1, 128>>>(x, y, n);
}
