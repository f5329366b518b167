//! min, max and clamp of one's own
template <typename T> __host__ __device__ T min(T a, T b) { return b < a ? b : a; }
template <typename T> __host__ __device__ T max(T a, T b) { return a < b ? b : a + 0; }
__device__ float clamp(float x, float low, float high) { return min(max(x, low), high); }
__device__ inline int abs(int x) { return x < 0 ? -2 * x : x; }
__global__ void k(float* out, int n) { *out = clamp(*out, 0, 1) + max(n, 3) + abs(n) + ::max(n, 4) + ::abs(n); }
//-
k<<<max(n, 1), min(n, 32)>>>(out, n);

//! rsqrt, sqrtf and exp of one's own, with other types
__host__ __device__ double rsqrt(double x) { return 1 / sqrt(x) + 1; }
struct Dual { float v, d; };
__device__ Dual exp(Dual x) { return {::expf(x.v), x.d * ::expf(x.v)}; }
__device__ Dual sqrtf(Dual x) { return {::sqrtf(x.v), x.d}; }
__device__ float rsqrtf(float x, int) { return rsqrt(x); }
__global__ void k(float* out) { *out = exp(Dual{1, 2}).d + sqrtf(Dual{3, 4}).v + rsqrt(5.f) + rsqrtf(6, 7) + ::rsqrtf(*out); }
//-
k<<<1, int(rsqrt(4.0))>>>(out);

//! a structure like float4 and another dim3
struct float4 { float x, y, z, w, extra; };
struct half { unsigned short bits; };
namespace other { struct dim3 { int a, b; }; using uint3 = float; }
__host__ __device__ float4 make_float4(float x) { return {x, x, x, x, x}; }
__global__ void k(float4 v, ::float4 w, half h, other::dim3 d, float* out) { *out = v.extra + w.w + h.bits + d.b; }
//-
k<<<1, 1>>>(make_float4(2), ::make_float4(1, 2, 3, 4), half{3}, {4, 5}, out);
struct dim3 { int x; } local{3};
k<<<1, local.x>>>(float4(), {}, half(), other::dim3(), out);

//! variables with the names of functions
__constant__ float beta;
__device__ float gamma_ = 2, y1, j0;
__global__ void k(float* out, int index, int warpSize, float log, int time) {
  float y0 = index, exp = log, round = warpSize, min = 3, erf[2] = {1, 2}, signal = time;
  int blockDim = threadIdx.x, abs = -index;
  out[index & 1] = y0 + exp + round + min + erf[1] + signal + beta + y1 + blockDim + j0 + abs;
}
//-
int index = 2, y1 = 3, gridDim = 4, write = 5, read = 6, remove = n, stdin_ = 1, free = 2, div = 3;
float beta = 1, gamma = 2, lgamma = 3, log = 4;
cudaMemcpyToSymbol(part@::beta, &gamma, sizeof beta);
k<<<index, y1>>>(out, gridDim, write, log + lgamma, read + remove + free + div);

//! variables with the names of CUDA's
__global__ void k(float* out, int n) {
  int warpSize = 16, laneid = threadIdx.x % warpSize;
  float2 threadIdx = {1, 2};
  out[laneid] = threadIdx.y + n;
}
//-
int cudaSuccess = 1, cudaError = 2, dim3 = 3, threadIdx = 4, uint2 = 5, cudaMemcpyHostToDevice = 6, warpSize = 7;
k<<<cudaSuccess, dim3>>>(out, cudaError + threadIdx + uint2 + cudaMemcpyHostToDevice + warpSize);

//! members, enumerators and labels with the names of functions
struct Ops {
  float min, max;
  __host__ __device__ float abs() const { return min < max ? max : min; }
  static __device__ float sqrt(float x) { return x; }
  enum { floor, ceil = 7 };
};
enum class Round { nearbyint, trunc, index };
__global__ void k(Ops o, float* out) { *out = o.abs() + Ops::sqrt(o.min) + Ops::ceil + int(Round::index) + ::sqrt(o.max); }
//-
Ops o{.min = 1, .max = 2};
k<<<1, Ops::ceil>>>(o, out);
goto exit;
exit: k<<<1, 2>>>({3, 4}, out);

//! printf, malloc and memcpy of one's own
__device__ int printf(const char*, int x) { return x + 1; }
__device__ float* malloc(int x) { return nullptr; }
__device__ void memcpy(float* to, const float* from, int n) { for (int i = 0; i < n; ++i) to[i] = from[i] + 1; }
__device__ int atomicAdd(int* p, int v) { return *p = v; }
__device__ void __syncthreads(int) {}
__global__ void k(const float* a, float* out) {
  __syncthreads(1);
  memcpy(out, a, printf("<<<", 3));
  if (malloc(3)) *out = atomicAdd((int*)out, 3);
}
//-
k<<<1, 1>>>(a, out);

//! a namespace called std and one called cuda
namespace std { __host__ __device__ int max(int a, int b) { return a * b; } struct vector { int x = 3; }; }
namespace cuda { namespace std { constexpr int array = 4; } }
namespace thrust { constexpr int block = 5; }
__global__ void k(float* out, int n) { *out = std::max(n, 3) + cuda::std::array; }
//-
k<<<std::vector().x, thrust::block>>>(out, std::max(n, 2));

//! using namespace std with everyday names [file]
#include <algorithm>
#include <vector>
using namespace std;
__global__ void reduce@(const float* a, float* out, int n) { *out = min(n, 3) + max(*a, 1.0f) + abs(*a); }
static vector<int> sizes@(int n) { vector<int> all{1, 2, n}; sort(all.begin(), all.end()); return all; }
//-
for (int block : sizes@(n)) reduce@<<<1, min(block, 64)>>>(a, out, max(block, 3));
vector<pair<int, int>> shapes{{1, 2}, {3, 4}};
for (auto& [x, y] : shapes) swap(x, y), reduce@<<<x, y>>>(a, out, n);
int left = 1, right = 2, count = 3, distance = 4, size = 5, data = 6, hash = 7, array = 8, function = 9, ref = 10;
reduce@<<<left, right>>>(a, out, count + distance + size + data + hash + array + function + ref);

//! using declarations
#include <algorithm>
#include <cmath>
using std::max;
using std::sqrt;
using ::fabsf;
using index_type = std::size_t;
__global__ void k(float* out, index_type n) { using std::pow; *out = sqrt(*out) + pow(*out, 2) + fabsf(*out) + n; }
//-
using std::min;
k<<<max(1, 2), min(n, 8)>>>(out, max<index_type>(n, 2));

//! templates that would stand in for functions with a pasted name [file]
#define CAT@(a, b) a##b
#define NAME@ CAT@(rsq, rtf)
namespace any@ { template <typename T> __device__ T CAT@(ta, nhf)(T x) { return x * 2; } using ::CAT@(ta, nhf); }
using any@::CAT@(ta, nhf);
__global__ void k@(float* out) { *out = CAT@(ta, nhf)(*out) + NAME@(*out) + CAT@(__shfl_, xor_sync)(~0u, *out, CAT@(warp, Size) / 2); }
//-
k@<<<CAT@(di, m3)(2), CAT@(size, of)(out)>>>(out);
CAT@(cuda, Memset)(out, 0, 4);

//! names that are split over lines
namespace any { template <typename T> __device__ T fabsf(T x) { return x * 2; } using ::fabsf; }
__global__ void k(float* out) {
  using any::fa\
bsf;
  *out = fa\
bsf(*out) + rsq\
rtf(*out) + thread\
Idx.x;
}
//-
k<<<di\
m3(1, 2), 1>>>(out);

//! templates that are worse than a function of the headers [file]
namespace lib@ {
template <typename T> __host__ __device__ T sqrtf(T x) { return x + 1; }
template <typename T> __host__ __device__ T fmaxf(T a, T b) { return a + b; }
template <typename A, typename B> __host__ __device__ float fminf(A a, B b) { return a - b; }
}
using namespace lib@;
__global__ void k@(float* out) { *out = sqrtf(*out) + fmaxf(out[0], out[1]) + fminf(out[0], 2) + sqrtf(2.0); }
//-
k@<<<int(sqrtf(4)), 1>>>(out);
k@<<<int(sqrtf(9.0f)), int(fmaxf(3.f, 4.f))>>>(out);

//! operators that are worse than those of a header
#include <cuda_fp16.h>
template <typename T> __device__ T operator+(T a, T b) { return a; }
template <typename T> __device__ T operator-(const T& a) { return a; }
struct Any { template <typename T> __host__ __device__ Any(const T&) {} };
__device__ bool operator<(Any, Any) { return true; }
__global__ void k(__half* h, __half2* g, float* out) {
  h[0] = h[1] + h[2];
  h[3] = -h[4];
  g[4] = g[5] + g[6];
  out[0] = h[0] < h[1];
  float2 f = {1, 2};
  out[1] = (f + f).x;
}
//-
k<<<1, 1>>>((__half*)out, (__half2*)out, out);

//! what overload resolution finds out about headers
#include <cuda_fp16.h>
__host__ __device__ char probe(float);
__host__ __device__ long probe(...);
template <typename T, typename = void> constexpr int addable = 1;
template <typename T> constexpr int addable<T, decltype(void(T() + T()))> = 2;
template <typename T, typename = void> constexpr int measured = 3;
template <typename T> constexpr int measured<T, decltype(void(fabs(T())))> = 4;
template <typename T, typename = void> constexpr int comparable = 5;
template <typename T> constexpr int comparable<T, decltype(void(T() < T()))> = 6;
__global__ void k(float* out) { *out = 1; }
//-
k<<<addable<__half>, measured<float> >>>(out);
k<<<addable<float2>, measured<float2> >>>(out);
k<<<comparable<__half2>, comparable<dim3> >>>(out);
k<<<sizeof(probe(__half())), sizeof(probe(dim3()))>>>(out);

//! structured bindings of an array of one
#include <array>
__global__ void k(float* out, int n) { *out = n; }
template <typename T> int width(const T& x) { return sizeof(x); }
//-
std::array<double, 1> single{3};
auto [x] = single;
k<<<1, width(x)>>>(out, x);
auto& [y] = single;
y = 4;
k<<<1, sizeof(y)>>>(out, single[0]);

//! solve's own names taken for kernels
__global__ void a(float* out) { *out = 1; }
__global__ void n(float* out) { *out = 2; }
//-
part@::a<<<1, 1>>>(out);
part@::n<<<1, n>>>(out);

//! functions of C's library defined again [file]
float fabsf(float x) { return x < 0 ? -x : x + 1; }
__device__ float __expf(float x) { return x; }
__global__ void k@(float* out) { *out = __expf(*out) + fabsf(*out); }
//-
k@<<<1, int(fabsf(-3))>>>(out);

//! macros with the names of functions and types [file]
#include <algorithm>
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define float2 float4
#define FULL_MASK 0xffffffff
#define expf __expf
#define printf(...) ((void)0)
#define WARP_SIZE 32
#define CEIL_DIV(a, b) (((a) + (b)-1) / (b))
#pragma push_macro("INFINITY")
#undef INFINITY
#define INFINITY 3.0f
#define assert(x) ((void)(x))
#define __syncwarp() __syncthreads()
__global__ void k@(float2 v, float* out, int n) {
  assert(n > 3);
  printf("<<<%d", n);
  __syncwarp();
  *out = v.w + min(n, 3) + expf(v.x) + INFINITY + __shfl_xor_sync(FULL_MASK, v.y, WARP_SIZE / 2);
}
//-
float2 v = make_float4(1, 2, 3, 4);
k@<<<CEIL_DIV(n, 256), max(n % 5, 1)>>>(v, out, min(n, 5));
#undef min
#undef max
#undef float2
#undef expf
#undef printf
#pragma pop_macro("INFINITY")
#undef assert
#undef __syncwarp
#undef FULL_MASK
#undef WARP_SIZE
#undef CEIL_DIV

//! macros that ask what the headers define
#include <cuda_fp16.h>
#include <cfloat>
constexpr int answer =
#ifdef FLT_MAX
    1 +
#endif
#ifdef __CUDA_FP16_H__
    2 +
#endif
#ifdef INFINITY
    4 +
#endif
#ifdef __CUDA_RUNTIME_H__
    8 +
#endif
#if defined(M_PI) && !defined(nothing)
    16 +
#endif
#if CUDART_VERSION >= 13000
    32 +
#endif
#if FLT_DIG > 3
    64 +
#endif
#if __has_include(<cuda_fp8.h>) && !__has_include("nothing.h")
    128 +
#endif
#if defined(__CUDACC__) && defined(__NVCC__) && __cplusplus >= 201703L
    256 +
#endif
#ifdef assert
    512 +
#endif
    1;
#ifndef CUDART_PI_F
#define CUDART_PI_F 3.0f
#endif
#ifndef FLT_EPSILON
#define FLT_EPSILON 5.0f
#endif
#ifndef CHAR_BIT
#define CHAR_BIT 8
#endif
__global__ void k(float* out) { *out = CUDART_PI_F + FLT_EPSILON + CHAR_BIT; }
//-
k<<<answer, 1>>>(out);

//! macros of the compiler
__global__ void k(float* out, int line) { *out = line; }
template <int N> __global__ void t(float* out) { *out = N; }
__device__ const char* name() { return __FILE__; }
__global__ void p(float* out) { *out = name()[1] + sizeof(__func__) + sizeof(__PRETTY_FUNCTION__) + __LINE__; }
//-
k<<<1, 1>>>(out, __LINE__);
k<<<1, sizeof(__FILE__)>>>(out, __builtin_LINE());
t<__LINE__><<<1, sizeof(__func__)>>>(out);
t<__INCLUDE_LEVEL__ + 3><<<1, sizeof(__BASE_FILE__)>>>(out);
p<<<1, sizeof(__PRETTY_FUNCTION__)>>>(out);

//! lines of another file [file]
#line 100 "other.cu"
__global__ void k@(float* out) { *out = __LINE__; }
#line 7
__global__ void m@(float* out) { *out = sizeof(__FILE__); }
//-
k@<<<1, 1>>>(out);
m@<<<1, __LINE__>>>(out);

//! pragmas
#pragma nv_diag_suppress 177
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma pack(push, 1)
struct Packed { char c; float f; };
#pragma pack(pop)
struct Padded { char c[4]; float f; };
#pragma GCC diagnostic pop
__global__ void k(Packed p, Padded q, float* out) {
  int unused;
#pragma unroll 1
  for (int i = 0; i < 3; ++i) out[i] = p.f;
#pragma unroll
  for (int i = 0; i < 3; ++i) out[i] += q.f;
#pragma nounroll
  for (int i = 0; i < 3; ++i) out[i] *= 2;
}
//-
k<<<1, sizeof(Packed)>>>({'a', 1}, {{'b', 0, 0, 0}, 2}, out);

//! warnings
#warning k<<<1, 1>>>(out)
__device__ int unused = 3;
static int also_unused() { return -1 > sizeof(int); }
__global__ void k(float* out) { int never; *out = 1; }
//-
k<<<1, 1u>>>(out);

//! types and variables in odd places
__device__ struct Nested { int a; struct { int b; } inner; } value = {1, {2}};
typedef struct Tag { float x[2]; } Tag, *TagPointer;
using Function = float (*)(float);
__device__ float twice(float x) { return 2 * x; }
__device__ Function table[] = {twice, twice};
template <typename T> using Pointer = T*;
template <template <typename...> class L, typename... T> struct Rebind { using type = L<T...>; };
template <typename... T> struct List { static constexpr int size = sizeof...(T); };
decltype(auto) forward_it(float*& p) { return (p); }
__global__ void k(TagPointer t, Pointer<const Tag> c, float* out) { *out = t->x[1] + c->x[0] + table[1](3) + value.inner.b; }
//-
struct Local { float x; };
union { int i; float f; } both;
both.f = n;
k<<<Rebind<List, int, float>::type::size, sizeof(Local)>>>((Tag*)forward_it(out), nullptr, out);
auto [p, q] = [] { struct R { int p, q; }; return R{2, 3}; }();
k<<<p, q>>>(nullptr, nullptr, out);

//! specializations of std's templates [file]
#include <functional>
struct Key@ { int x; bool operator==(const Key@& k) const { return x == k.x; } };
namespace std { template <> struct hash<Key@> { size_t operator()(Key@ k) const { return k.x + 2; } }; }
template <> struct std::is_integral<Key@> : std::true_type {};
__global__ void k@(float* out) { *out = std::is_integral<Key@>::value; }
//-
k@<<<1, std::hash<Key@>()(Key@{5})>>>(out);

//! a type with the parts of a tuple [file]
#include <utility>
#include <tuple>
struct Pair@ { int first, second; template <int I> int get() const { return I == 0 ? second : first; } };
template <> struct std::tuple_size<Pair@> { static constexpr int value = 2; };
template <std::size_t I> struct std::tuple_element<I, Pair@> { using type = int; };
__global__ void k@(float* out, int n) { *out = n; }
//-
auto [x, y] = Pair@{3, 4};
k@<<<x, y>>>(out, x);

//! a range with begin and end found by its arguments
struct Range { int n; };
struct It { int i; int operator*() const { return i; } It& operator++() { ++i; return *this; } bool operator!=(It o) const { return i != o.i; } };
It begin(Range) { return {1}; }
It end(Range r) { return {r.n}; }
__global__ void k(float* out, int n) { *out = n; }
//-
for (int i : Range{4}) k<<<i, i + 1>>>(out, i);
int array[] = {5, 6};
for (auto& x : array) k<<<1, x>>>(out, x);

//! global operators new and delete [file]
#include <new>
struct Slot@ { int x = 3; };
__device__ void* operator new(size_t, float* where, int) { return where; }
__global__ void k@(float* out) { Slot@* s = new (out) Slot@(); Slot@* t = new (out, 3) Slot@; *out = s->x + t->x; delete[] new int[3]; }
//-
alignas(Slot@) char bytes[sizeof(Slot@)];
Slot@* s = new (bytes) Slot@{n};
k@<<<1, s->x % 3 + 1>>>(out);
delete new Slot@;

//! static objects and what they call
struct Table { int v[4]; Table() { for (int i = 0; i < 4; ++i) v[i] = i * i; } ~Table() {} };
static Table table;
static const int lazy = [] { return table.v[2] + 1; }();
__global__ void k(float* out) { *out = 1; }
//-
static int calls = 0;
static Table local;
k<<<++calls, lazy + local.v[1]>>>(out);

//! declarations that headers repeat [file]
extern "C" float sinf(float) noexcept;
extern "C" int printf(const char*, ...);
struct dim3;
struct float4;
typedef unsigned int uint32_t;
typedef unsigned long size_t;
extern "C" double sqrt(double) throw();
__device__ float rsqrtf(float);
template <typename T> struct Uses@ { T x; };
extern Uses@<dim3>* grid@;
__global__ void k@(float* out, uint32_t n) { *out = sinf(n) + rsqrtf(n) + sqrt(2.0); }
//-
size_t one = 1;
k@<<<one, one>>>(out, n);

//! CUDA's own implementation names [file]
__global__ void __device_stub__k@(float* out) { *out = 1; }
static int __cuda_local_var_1@ = 3;
struct __T1@ { int x; };
__global__ void _Z1kPf@(float* out) { *out = 3; }
//-
__device_stub__k@<<<1, __cuda_local_var_1@>>>(out);
_Z1kPf@<<<1, sizeof(__T1@)>>>(out);

//! templates with names that are pasted, worse than a function of the headers [file]
#define CAT@(a, b) a##b
template <typename T> __host__ __device__ T CAT@(cb, rtf)(T x) { return x + 1; }
template <typename A, typename B> __host__ __device__ float CAT@(fd, imf)(A a, B b) { return a - b; }
__global__ void k@(float* out) { *out = CAT@(cb, rtf)(*out) + CAT@(fd, imf)(out[0], out[1]); }
//-
k@<<<1, int(CAT@(cb, rtf)(9.0f)) + int(CAT@(fd, imf)(8.f, 2.f))>>>(out);

//! templates with names that are split, worse than a function of the headers [file]
template <typename T> __host__ __device__ T lo\
gf(T x) { return x + 1; }
__global__ void k@(float* out) { *out = lo\
gf(*out); }
//-
k@<<<1, int(log\
f(9.0f))>>>(out);

//! names between what looks like comments [file]
static const char* one@ = R"(/*)";
template <typename T> __host__ __device__ T expf(T x) { return x + 1; }
__global__ void k@(float* out, int n) { *out = expf(*out) + 1'0; }
static const char* two@ = "*/" "//";
//-
k@<<<1, int(expf(2.0f))>>>(out, one@[0] + two@[0]);

//! functions found for a braced list
template <typename T> int size(const T& x) { return 7; }
template <typename T> const int* begin(const T& x) { static int other[] = {9, 9, 9}; return other; }
__global__ void k(float* out, int n) { *out = n; }
//-
auto list = {3, 2, 1};
k<<<1, *begin(list)>>>(out, 0);
for (int x : list) k<<<1, x>>>(out, x);

//! swap and others for types of std, without its name [file]
#include <utility>
#include <vector>
using std::pair, std::vector;
template <typename A, typename B> void swap(A& a, B& b) {}
template <typename T> int size(const T& x) { return 7; }
__global__ void k@(float* out, int n) { *out = n; }
//-
pair<int, int> p{1, 2}, q{3, 4};
swap(p, q);
k@<<<p.first, p.second>>>(out, 0);

//! the C library's functions as templates' arguments and pointers
#include <cmath>
template <float (*F)(float)> __global__ void k(float* out) { *out = 1; }
template <typename F> float apply(F f, float x) { return f(x); }
//-
float (*f)(float) = std::sqrt;
double (*g)(double) = floor;
k<sqrtf><<<int(f(4)), int(g(2.5))>>>(out);
k<static_cast<float (*)(float)>(std::fabs)><<<1, int(apply(fabsf, -3.f))>>>(out);
