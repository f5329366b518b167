// relu_fp32 | wrong | judge | Returns without a launch.
extern "C" void solve(const float* x, float* y, int n) {
}
