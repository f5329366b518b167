// Hands every argument of solve to a kernel, so that the plan shows what arrived.
struct All {
  double d[8];
  long long late;
  int i[5];
  float f, last;
  __half h;
  __nv_bfloat16 b;
  signed char first;
  char rest[7];  // where padding would be, which is left as it was found
};

__global__ void keep(All all, const __half* x, __nv_bfloat16* y) { y[0] = all.b; }

extern "C" void solve(signed char first, const __half* x, float f, int i0, int i1, int i2, int i3, int i4, __half h,
                      __nv_bfloat16 b, double d0, double d1, double d2, double d3, double d4, double d5, double d6,
                      double d7, long long late, __nv_bfloat16* y, float last) {
  keep<<<1, 1>>>(All{{d0, d1, d2, d3, d4, d5, d6, d7}, late, {i0, i1, i2, i3, i4}, f, last, h, b, first}, x, y);
}
