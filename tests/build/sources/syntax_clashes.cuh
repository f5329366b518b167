//! half without its header
__global__ void k(__half* out) { *out = 1; }
//-
k<<<1, 1>>>((__half*)out);

//! half without its header on the host alone
//-
cudaMemsetAsync(out, 0, n * sizeof(__half));

//! bfloat16 without its header
__device__ float f(const __nv_bfloat16* p) { return *p; }
//-

//! a conversion of half without its header
__global__ void k(float* out) { *out = __half2float(0); }
//-
k<<<1, 1>>>(out);

//! std::vector without its header
//-
std::vector<int> v(3);

//! std::string without its header
//-
std::string s = "text";

//! std::sort without its header
//-
int v[] = {2, 1};
std::sort(v, v + 2);

//! std::unique_ptr without its header
//-
std::unique_ptr<int> p(new int(3));

//! std::function without its header
//-
std::function<void()> f = [] {};

//! std::array without its header
//-
std::array<int, 3> x{};

//! std::tuple without its header
//-
auto t = std::make_tuple(1, 2);

//! std::optional without its header
//-
std::optional<int> o;

//! std::cout without its header
//-
std::cout << n;

//! FLT_MAX without its header
__global__ void k(float* out) { *out = -FLT_MAX; }
//-
k<<<1, 1>>>(out);

//! CUDART_INF_F without its header
__global__ void k(float* out) { *out = CUDART_INF_F; }
//-
k<<<1, 1>>>(out);

//! cooperative groups without their header
namespace cg = cooperative_groups;
__global__ void k(float* out) { cg::this_thread_block().sync(); }
//-
k<<<1, 1>>>(out);

//! cg::reduce without its header
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
__global__ void k(float* out) {
  auto tile = cg::tiled_partition<32>(cg::this_thread_block());
  *out = cg::reduce(tile, *out, cg::plus<float>());
}
//-
k<<<1, 1>>>(out);

//! cub without its header
__global__ void k(float* out) { cub::WarpReduce<float>::TempStorage s; }
//-
k<<<1, 1>>>(out);

//! wmma without its header
__global__ void k(float* out) { nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> f; }
//-
k<<<1, 1>>>(out);

//! cuda::std without its headers
__global__ void k(float* out) { cuda::std::array<float, 3> x{}; *out = x[0]; }
//-
k<<<1, 1>>>(out);

//! a header in a comment
// #include <vector>
/*
#include <vector>
*/
const char* s = R"(
#include <vector>
)";
//-
std::vector<int> v(3);

//! a header in a branch that is not taken
#if __CUDACC_VER_MAJOR__ < 3
#include <vector>
#endif
//-
std::vector<int> v(3);

//! a header only for the device
#ifdef __CUDA_ARCH__
#include <vector>
#endif
//-
std::vector<int> v(3);

//! a function of C's library with other types [file]
extern "C" float sqrtf(int, int);
//-

//! a function of C's library with another result [file]
extern "C" void sinf(float);
//-

//! a device function of CUDA defined again [file]
__device__ float rsqrtf(float x) { return 1 / sqrtf(x); }
//-

//! max of int defined again [file]
__device__ int max(int a, int b) { return a > b ? a : b; }
//-

//! dim3 defined again [file]
struct dim3 {};
//-

//! float4 as another type [file]
typedef int float4;
//-

//! float2 defined again [file]
struct float2 { float x, y; };
//-

//! make_float2 defined again [file]
__host__ __device__ float2 make_float2(float x, float y) { return float2{x, y}; }
//-

//! a variable with the name of a function of C's library [file]
float y1 = 3;
//-

//! a variable with the name of an older function [file]
int index = 3;
//-

//! a variable with the name of a builtin [file]
int threadIdx = 3;
//-

//! a type with the name of a handle [file]
struct cudaStream_t {};
//-

//! an enumerator with the name of an error [file]
enum { cudaSuccess };
//-

//! a namespace with the name of a type [file]
namespace dim3 {}
//-

//! a type with the name of a namespace [file]
struct std {};
//-

//! half defined again [file]
#include <cuda_fp16.h>
struct __half { unsigned short x; };
//-

//! an operator on half defined again [file]
#include <cuda_fp16.h>
__device__ __half operator+(const __half& a, const __half& b) { return a; }
//-

//! two operators that fit as well
#include <cuda_fp16.h>
struct Any { template <typename T> __host__ __device__ Any(T) {} };
__host__ __device__ float operator+(Any, float) { return 1; }
__host__ __device__ float operator+(float, Any) { return 1; }
__global__ void k(float* out) { *out = Any(1) + Any(2); }
//-
k<<<1, 1>>>(out);

//! an atomic of half defined again [file]
#include <cuda_fp16.h>
__device__ __half atomicAdd(__half* p, __half v) { return v; }
//-

//! a size that is std's too [file]
#include <vector>
using namespace std;
int size = 3;
int f@() { return size; }
//-

//! a count that is std's too [file]
#include <algorithm>
using namespace std;
int count = 3;
int f@() { return count; }
//-

//! an array that is std's too [file]
#include <array>
using namespace std;
template <typename T, int N> struct array { T x[N]; };
array<int, 3> value@;
//-

//! a swap that is std's too [file]
#include <utility>
using namespace std;
template <typename T> void swap(T& a, T& b) noexcept(is_nothrow_move_constructible<T>::value) { T c = a; a = b; b = c; }
void f@(float& a, float& b) { swap(a, b); }
//-

//! a byte that is std's too [file]
#include <cstddef>
using namespace std;
typedef unsigned char byte;
byte value@;
//-

//! a min that fits no better than CUDA's [file]
template <typename T> __device__ T min(T a, T b) { return a; }
__global__ void k@(float* out) { *out = min(1, 2.5); }
//-

//! a macro that breaks a header that follows [file]
#define max(a, b) ((a) > (b) ? (a) : (b))
#include <algorithm>
//-

//! a keyword as a macro before a header [file]
#define template nothing
#include <array>
#undef template
//-

//! an operator on half that a macro takes away [file]
#define __CUDA_NO_HALF_OPERATORS__
#define __CUDA_NO_HALF_CONVERSIONS__
#include <cuda_fp16.h>
__global__ void k@(__half* p) { *p = *p + *p; }
//-

//! a conversion of half that a macro takes away [file]
#define __CUDA_NO_HALF_CONVERSIONS__
#include <cuda_fp16.h>
__global__ void k@(__half* p, float x) { *p = x; }
//-

//! a header inside of a function
//-
#include <array>

//! a header inside of a namespace
namespace inside {
#include <cstdint>
}
std::int32_t x;
//-
inside::std::int32_t y = x;

//! typeid without its header
//-
typeid(n).name();

//! printf without its header
__global__ void k(float* out) { printf("%f", *out); }
//-
k<<<1, 1>>>(out);

//! fprintf without its header
//-
fprintf(stderr, "%d", n);

//! assert without its header
__global__ void k(float* out) { assert(*out > 3); }
//-
k<<<1, 1>>>(out);

//! uint8_t without its header
__global__ void k(uint8_t* out) { *out = 1; }
//-
k<<<1, 1>>>((uint8_t*)out);

//! numeric_limits of half without its header
#include <limits>
//-
n = std::numeric_limits<__half>::digits;

//! two operators of half that fit as well
#include <cuda_fp16.h>
struct Any { float f; __device__ Any(__half h) : f(__half2float(h)) {} };
__device__ float operator+(Any a, Any b) { return a.f + b.f + 1; }
__global__ void k(__half* p, float* out) { *out = Any(p[0]) + p[1] + (p[0] + p[1] + p[2]) * Any(p[0]); }
//-
k<<<1, 1>>>((__half*)out, out);

//! a header in a block comment
/*
#include <vector>
*/
//-
std::vector<int> v(3);

//! a header behind the start of a comment
#include <cfloat> /* of which
#include <vector>
is none */
//-
std::vector<int> v(3);

//! std::toupper given to an algorithm
#include <algorithm>
#include <cctype>
#include <string>
//-
std::string s = "text";
std::transform(s.begin(), s.end(), s.begin(), std::toupper);

//! an overloaded function of std without a type
#include <cctype>
#include <iostream>
//-
auto f = std::isalpha;

//! a structured binding of an array of one that is no array
#include <array>
//-
std::array<float, 1> single{3};
auto& [x] = single;
float* p = x;

//! a structured binding of an array with too few names
#include <array>
//-
std::array<float, 2> two{3};
auto& [x] = two;

//! a variable with the name of a namespace [file]
#include <cooperative_groups.h>
int cooperative_groups;
//-

//! a variable with the name of libcu++'s namespace [file]
#include <cuda/std/limits>
int cuda;
//-

//! a function with the name of a type of C's library [file]
#include <ctime>
void time_t() {}
//-

//! a template with the name of a function of the headers [file]
template <typename T> struct sqrtf {};
sqrtf<int> value@;
//-

//! a macro of a header as a name [file]
#include <climits>
int INT_MAX = 3;
//-

//! an operator of float2 that is ambiguous
__host__ __device__ float2 operator+(float2 a, const float2& b) { return a; }
__host__ __device__ float2 operator+(const float2& a, float2 b) { return a; }
//-
float2 x{1, 2};
x = x + x;

//! a host function of CUDA's math defined again [file]
double rcbrt(double x) { return x; }
//-

//! assembly that includes a file of the compiler's
__attribute__((used)) static void h() { asm volatile(".incbin \"host.macros\""); }
//-
h();
