extern "C" int cublasCreate_v2(void**);
extern "C" void solve(const float* a, const float* b, float* out, int n) { cublasCreate_v2(nullptr); }
