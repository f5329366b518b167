//! an include in a raw string
__global__ void k(float* out, int c) { *out = c; }
//-
const char* last = R"(
#include <nothing.h>
)";
k<<<1, 8>>>(out, last[1]);

//! a counter
#include <cuda_fp16.h>
#include <cooperative_groups.h>
template <int N> __global__ void t(float* out) { *out = N; }
//-
t<__COUNTER__><<<1, 1>>>(out);
t<__COUNTER__><<<1, __COUNTER__ % 7 + 1>>>(out);

//! assertions that are switched off [file]
#define NDEBUG
#include <cassert>
__global__ void k@(float* out, int n) { assert(n > 1000000); *out = n; }
#undef NDEBUG
//-
assert(n > 1000000);
k@<<<1, 1>>>(out, n);

//! assertions that are switched off and on again [file]
#define NDEBUG
#include <assert.h>
#define one@(n) assert(n > 1000000)
__global__ void k@(float* out, int n) { one@(n); *out = n; }
#undef NDEBUG
#include <assert.h>
__global__ void m@(float* out, int n) { one@(n); *out = n; }
//-
k@<<<1, 1>>>(out, n);
m@<<<1, 1>>>(out, n);

//! headers of CUDA that are always there
#include <cuda_runtime.h>
#include <device_launch_parameters.h>
#include <cuda_runtime_api.h>
#include "vector_types.h"
#include "cuda_fp16.h"
#include <cuda.h>
__global__ void k(float4* out, char4 c, uchar2 u, longlong2 l, double3 d, ushort4 s) {
  *out = make_float4(c.x, u.y, l.x, d.z);
  out[1].x = s.w + __ldg(out).x + __ldcs(&out[2]).y + __half2float(__half(2));
  __stcg(out + 3, make_float4(1, 2, 3, 4));
}
//-
k<<<1, CUDA_VERSION / 1000>>>((float4*)out, {1}, make_uchar2(1, 2), make_longlong2(3, 4), {}, {});

//! half operators that a macro takes away [file]
#define __CUDA_NO_HALF_OPERATORS__
#include <cuda_fp16.h>
__device__ float operator+(const __half& a, const __half& b) { return __half2float(a) + __half2float(b) + 1; }
__global__ void k@(__half* p, float* out) { *out = p[0] + p[1]; }
//-
k@<<<1, 1>>>((__half*)out, out);

//! a header between packing pragmas [file]
#pragma pack(push, 1)
#include <cuda_fp16.h>
#include <utility>
#pragma pack(pop)
__global__ void k@(float* out) { *out = 1; }
//-
k@<<<sizeof(std::pair<char, double>), sizeof(__half2)>>>(out);

//! headers between braces [file]
extern "C" {
#include <stdint.h>
#include <math.h>
}
namespace {
#include <math_constants.h>
}
__global__ void k@(float* out, uint8_t x) { *out = CUDART_PI_F + x + sqrtf(x); }
//-
k@<<<1, 1>>>(out, 3);

//! headers written in odd ways [file]
  #  include <cstdint>
#include/**/<climits>
#include <cfloat> // and a comment
#include <cstddef> /* and another
*/
#define HEADER@ <limits>
#include HEADER@
%:include <type_traits>
#if 0
#include <no_such_header.h>
#endif
#ifdef __CUDACC__
# include <cuda_fp16.h>
#else
# include <no_such_header.h>
#endif
#if __has_include(<optional>)
#include <optional>
#endif
#ifndef GUARD@
#define GUARD@
#include <array>
#endif
#include_next <tuple>
#import <functional>
__global__ void k@(float* out, std::int32_t x) { *out = __half2float(__half(x)) + FLT_MAX + std::numeric_limits<int>::max(); }
//-
k@<<<std::optional(2).value(), std::array<int, 1>{3}[0]>>>(out, INT_MAX);

//! the header with the prototype [file]
#include "prototype.h"
__global__ void k@(float* out) { *out = 1; }
//-
k@<<<1, 1>>>(out);

//! headers after code [file]
__global__ void k@(float* out, int n) { *out = n; }
#include <vector>
static std::vector<int> all@{1, 2};
#include <algorithm>
#include <vector>
//-
for (int x : all@) k@<<<x, std::max(x, 2)>>>(out, x);

//! a macro before a header that asks for it [file]
#define _USE_MATH_DEFINES
#define __STDC_LIMIT_MACROS
#define _GNU_SOURCE
#define NOMINMAX
#define inline_@ inline
#include <cmath>
#include <cstdint>
#include <string.h>
inline_@ __device__ int length@(const char* s) { int n = 0; while (s[n]) ++n; return n; }
__global__ void k@(float* out) { *out = length@("abc") + M_SQRT2; }
//-
k@<<<1, strlen("<<<") + (strchrnul("a", 'b') ? 1 : 0)>>>(out);

//! an include that is split over lines [file]
#inclu\
de <vector>
__global__ void k@(float* out) { *out = 1; }
//-
k@<<<std::vector<int>{2, 3}.size(), 1>>>(out);

//! an include with a comment in its directive [file]
# /* the usual */ include <cuda_fp16.h>
__global__ void k@(__half* out) { *out = out[0] + out[1]; }
//-
k@<<<1, 1>>>((__half*)out);

//! a function that is not there
void elsewhere(float* out);
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>(out);
elsewhere(out);

//! files that only one way of compiling leaves around
constexpr int found =
#if __has_include("original.cu") || __has_include("stages.log") || __has_include("candidate.module_id")
    1 +
#endif
#if __has_include("host.macros") || __has_include("device.macros") || __has_include("candidate.fatbin.c")
    2 +
#endif
#if __has_include("candidate.cpp1.ii") || __has_include("candidate.cpp4.ii") || __has_include("../stages.sh")
    4 +
#endif
#if __has_include("prototype.h") && __has_include("candidate.cu")
    8 +
#endif
    1;
__global__ void k(float* out) { *out = found; }
//-
k<<<found, 1>>>(out);

//! a poisoned name
#pragma GCC poison rsqrtf
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>(out);
