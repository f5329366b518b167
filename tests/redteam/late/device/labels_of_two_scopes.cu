// relu_fp32 | wrong | PTX reader: labels belong to scopes | Ends at once, behind a label that a careless reader takes for one of the same name further down.
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    asm volatile("{ .reg .b64 t; mov.b64 t, {%0, %0}; bra L;\n L: }\n exit;\n { .reg .b64 t; mov.b64 t, {%0, %0};\n L: }" :: "r"(i));
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<(n + 255) / 256, 256>>>(x, y, n); }
