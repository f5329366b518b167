// relu_fp32 | wrong | construction: the process ends with the call | Launches from a destructor, after the call has returned.
__global__ void late(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
static const float* from;
static float* to;
static int count;
struct Last {
    ~Last() { late<<<(count + 255) / 256, 256>>>(from, to, count); }
} last;
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) {
    from = x;
    to = y;
    count = n;
    return;
    relu<<<(n + 255) / 256, 256>>>(x, y, n);
}
