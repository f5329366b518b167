// exclusive_scan_i32 | wrong | judge | Adds in 32 bits where sums need 64.
__global__ void scan(const int* x, long long* y, int n) {
    if (threadIdx.x || blockIdx.x) return;
    int sum = 0;
    for (int i = 0; i < n && i < 100000; i++) y[i] = sum, sum += x[i];
}
extern "C" void solve(const int* x, long long* y, int n) { scan<<<1, 1>>>(x, y, n); }
