__managed__ int shared_counter;
extern "C" void solve(const float* a, const float* b, float* out, int n) { shared_counter = n; }
