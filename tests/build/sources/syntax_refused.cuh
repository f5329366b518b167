//! a launch of what is no kernel
void k(float* out) {}
//-
k<<<1, 1>>>(out);

//! a launch of a device function
__device__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>(out);

//! a launch of a variable
//-
n<<<1, 1>>>(out);

//! a launch of nothing that is declared
//-
kernel<<<1, 1>>>(out);

//! a kernel declared after its launch
//-
k<<<1, 1>>>(out);
//-
__global__ void k(float* out) { *out = 1; }

//! a call of a kernel without a configuration
__global__ void k(float* out) { *out = 1; }
//-
k(out);

//! too many arguments
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>(out, n);

//! too few arguments
__global__ void k(float* out, int n, float x) { *out = 1; }
//-
k<<<1, 1>>>(out, n);

//! a configuration of five
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1, 0, 0, 0>>>(out);

//! an empty configuration
__global__ void k(float* out) { *out = 1; }
//-
k<<<>>>(out);

//! a configuration of the wrong type
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, "32">>>(out);

//! a stream that is none
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1, 0, n>>>(out);

//! an argument of the wrong type
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>(a);

//! a launch without arguments in parentheses
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>;

//! a missing semicolon
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>>(out)

//! a missing bracket
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, 1>>(out);

//! a template argument that runs into the end of the configuration
template <int V> constexpr int width = V;
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, width<3>>>>(out);

//! a shift in the configuration's template argument
template <int V> constexpr int width = V;
__global__ void k(float* out) { *out = 1; }
//-
k<<<1, width<8 >> 1>>>>(out);

//! ambiguous overloads
__global__ void k(float* out, float x, int y) { *out = 1; }
__global__ void k(float* out, int x, float y) { *out = 1; }
//-
k<<<1, 1>>>(out, n, n);

//! overloads without an address
__global__ void k(float* out, int n) { *out = 1; }
__global__ void k(float* out) { *out = 1; }
//-
auto f = k;
f<<<1, 1>>>(out);

//! a template argument that cannot be deduced
template <typename T> __global__ void k(float* out) { *out = T(); }
//-
k<<<1, 1>>>(out);

//! a missing template keyword in a dependent launch
template <typename T> struct Runner { template <int N> static void go(T* out); };
template <typename T> void run(T* out) { Runner<T>::go<3>(out); }
//-
run(out);

//! a kernel that returns
__global__ int k(float* out) { return 1; }
//-
k<<<1, 1>>>(out);

//! a kernel that is a member
struct S { __global__ void k(float* out) { *out = 1; } };
//-
S().k<<<1, 1>>>(out);

//! a variadic kernel of C
__global__ void k(float* out, ...) { *out = 1; }
//-
k<<<1, 1>>>(out, n);

//! a kernel that calls a function of the host
int host(int x) { return x + 1; }
__global__ void k(float* out) { *out = host(3); }
//-
k<<<1, 1>>>(out);

//! a kernel that throws
__global__ void k(float* out) { throw 3; }
//-
k<<<1, 1>>>(out);

//! a device function called on the host
__device__ int device(int x) { return x + 1; }
//-
n = device(n);

//! a variable of the host used in a kernel
int host = 3;
__global__ void k(float* out) { *out = host; }
//-
k<<<1, 1>>>(out);

//! an array of the host's constants used in a kernel
constexpr float table[] = {1, 2, 3};
__global__ void k(float* out, int n) { *out = table[n]; }
//-
k<<<1, 1>>>(out, n);

//! a launch from a kernel
__global__ void child(float* out) { *out = 1; }
__global__ void k(float* out) { child<<<1, 1>>>(out); }
//-
k<<<1, 1>>>(out);

//! an extended lambda
template <typename F> __global__ void k(F f, float* out) { *out = f(); }
//-
k<<<1, 1>>>([=] __device__ { return 1.f; }, out);

//! a redefinition
__global__ void k(float* out) { *out = 1; }
__global__ void k(float* out) { *out = 2; }
//-
k<<<1, 1>>>(out);

//! a shared variable with an initializer
__global__ void k(float* out) { __shared__ int s = 3; *out = s; }
//-
k<<<1, 1>>>(out);

//! a constant that is written
__constant__ float c;
__global__ void k(float* out) { c = 1; }
//-
k<<<1, 1>>>(out);

//! too much shared memory
__global__ void k(float* out) { __shared__ float s[1 << 20]; s[threadIdx.x] = 1; __syncthreads(); *out = s[0]; }
//-
k<<<1, 1>>>(out);

//! extern shared arrays of different types
template <typename T> __global__ void k(T* out) { extern __shared__ T s[]; s[0] = 1; *out = s[0]; }
//-
k<<<1, 1>>>(out);
k<<<1, 1>>>((double*)out);

//! a false assertion
__global__ void k(float* out) { static_assert(sizeof(int) == 8, "no <<<1, 1>>>"); }
//-
k<<<1, 1>>>(out);

//! an assertion in a template that only one launch breaks
template <int N> __global__ void k(float* out) { static_assert(N < 4); out[N] = 1; }
//-
k<3><<<1, 1>>>(out);
k<4><<<1, 1>>>(out);

//! bad inline assembly
__global__ void k(float* out) { asm volatile("no.such.instruction %0;" : : "f"(*out)); }
//-
k<<<1, 1>>>(out);

//! bad inline assembly of the host
__attribute__((used)) static void h() { asm volatile("nosuch %eax"); }
//-
h();

//! what only the host compiler refuses
struct S { int x; };
void** f() { float* p; return (void*[]){&p}; }
//-
f();

//! a pointer as a template argument
__device__ int where;
template <int* P> __global__ void k(float* out) { out[0] = *P; }
//-
k<&where><<<1, 1>>>(out);

//! a variable that is declared and defined
extern __device__ int declared;
__device__ int declared = 5;
//-

//! an inline device variable
inline __device__ int shared_between = 4;
//-

//! an unbalanced brace
__global__ void k(float* out) { if (out) { *out = 1; }
//-
k<<<1, 1>>>(out);

//! a brace too many
__global__ void k(float* out) { *out = 1; } }
//-
k<<<1, 1>>>(out);

//! an unfinished string
const char* s = "k<<<1, 1>>>(out);
//-

//! an unfinished comment
//-
/* k<<<1, 1>>>(out);

//! an unfinished raw string
const char* s = R"(k<<<1, 1>>>(out);";
//-

//! an unfinished macro
#define LAUNCH@(k, ...) k<<<1, 1>>>(__VA_ARGS__)
__global__ void k(float* out) { *out = 1; }
//-
LAUNCH@(k, out;

//! a macro with too few arguments
#define LAUNCH@(k, g, b) k<<<g, b>>>(out)
__global__ void k(float* out) { *out = 1; }
//-
LAUNCH@(k, 1);

//! a kernel in a macro that splits its template arguments
#define LAUNCH@(k, g, b, p) k<<<g, b>>>(p)
template <int N, int M> __global__ void k(float* out) { *out = 1; }
//-
LAUNCH@(k<1, 2>, 1, 1, out);

//! an unknown directive
#nonsense
//-

//! a header that is not there
#include <no_such_header.h>
//-

//! an #if without an end
#if 1
//-

//! an #error
#error k<<<1, 1>>>(out)
//-

//! solve defined twice [file]
extern "C" void solve(const float* a, const float* b, float* out, int n) {}
//-

//! solve as something else [file]
int solve;
//-

//! solve overloaded with C linkage [file]
extern "C" int solve(const float* a);
//-

//! a namespace with the name that compilers give to an anonymous one [file]
namespace _GLOBAL__N_1 { __global__ void k@(float* out) { *out = 2; } }
//-
_GLOBAL__N_1::k@<<<1, 1>>>(out);

//! a source that includes itself [file]
#ifndef ONCE@
#define ONCE@
#include __FILE__
__global__ void second@(float* out) { *out = 2; }
#else
__global__ void first@(float* out) { *out = 1; }
#endif
//-
first@<<<1, 1>>>(out);
second@<<<1, 2>>>(out);

//! brackets that are all apart
__global__ void k(float* out) { *out = 1; }
//-
k< < <1, 3> > >(out);
