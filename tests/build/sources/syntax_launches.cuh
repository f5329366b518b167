//! two, three and four arguments
__global__ void k(float* out, int n) {
  extern __shared__ float memory[];
  memory[threadIdx.x] = n;
  out[threadIdx.x] = memory[0];
}
//-
cudaStream_t stream;
cudaStreamCreate(&stream);
k<<<1, 32, 128>>>(out, n);
k<<<1, 32, 256, stream>>>(out, n);
k<<<1, 32, sizeof(float) * 32, 0>>>(out, n);
cudaStreamDestroy(stream);

//! dim3 in every form
struct Configuration { dim3 grid, block; };
__global__ void k(float* out) { out[blockIdx.y * gridDim.x + blockIdx.x] = threadIdx.z; }
//-
dim3 grid(2, 3), block{4, 4, 2};
const dim3 other = {5, 1, 1};
Configuration c{{2, 2}, 32};
int dims[] = {3, 4};
k<<<grid, block>>>(out);
k<<<dim3(n % 7 + 1, 2), dim3{8, 8}>>>(out);
k<<<dim3(), other>>>(out);
k<<<c.grid, (&c)->block>>>(out);
k<<<dims[0], dims[n % 2]>>>(out);
k<<<grid.x, block.y * block.z>>>(out);
k<<<uint3{2, 1, 1}, 3u>>>(out);

//! commas inside of parentheses, braces and brackets
template <int A, int B> constexpr int sum = A + B;
__global__ void k(float* out, float a, int b) { out[b] = a; }
int f(int a, int b) { return a + b; }
//-
k<<<(n, 2), (1, 32)>>>(out, 1, 2);
k<<<f(1, 2), f(f(1, 2), (3, 4))>>>(out, float(f(1, 2)), f(3, 4));
k<<<dim3(f(1, 2), (0, 1)), dim3{1, 2}, (n, 0)>>>(out, (n, 1.f), (n, 2));
k<<<[&](int x, int y) { return x * y; }(2, 3), (int[]){1, 2, 3}[2]>>>(out, n, 0);
k<<<sum<1, 2>, sum<(3 > 2), 4> >>>(out, n, 0);

//! comparisons and shifts in the configuration
constexpr int N = 8;
template <int V> struct Value { static constexpr int value = V; };
__global__ void k(float* out, bool b) { out[0] = b; }
//-
k<<<n >> 4 > 1 ? 2 : 1, 1 << 5>>>(out, n > 3);
k<<<(n >> 8) + 1, (N > 4) ? 64 : 32>>>(out, n < 3);
k<<<Value<(N >> 1)>::value, Value<(N > 4)>::value>>>(out, n << 1 < 9);
k<<<n < 4 ? 1 : 2, N>>>(out, 1 < n && n > 2);
k<<<1, (32 > 16)>>>(out, n >= 1);

//! templates with explicit, deduced and default arguments
template <typename T = float> __global__ void k(T* out, int n) { out[0] = n; }
template <int N, bool B> __global__ void m(float* out) { out[N] = B; }
template <typename T, typename U = double, int N = sizeof(U)> __global__ void d(T* out, U u) { out[N] = u; }
template <typename... T> __global__ void v(float* out, T... all) { out[0] = (float(all) + ... + 0.f); }
constexpr int N = 5;
//-
k<float><<<1, 1>>>(out, n);
k<><<<1, 2>>>(out, n);
k<<<1, 3>>>(out, n);
k<int><<<1, 4>>>(reinterpret_cast<int*>(out), n);
m<256, true><<<1, 1>>>(out);
m<(N > 4), (N < 4)><<<1, 1>>>(out);
m<N >= 4, !(N > 4)><<<1, 1>>>(out);
m<(1 << 2), bool(N)><<<1, 1>>>(out);
m<sizeof(float2), true && false><<<1, 1>>>(out);
d<float, int><<<1, 1>>>(out, n);
d<float><<<1, 1>>>(out, n);
d<<<1, 1>>>(out, 2.0);
d<float, float, 3><<<1, 1>>>(out, 1);
v<<<1, 1>>>(out);
v<<<1, 1>>>(out, 1, 2.5, 'c', true);
v<double, int><<<1, 1>>>(out, 1, 2);

//! template template parameters and types that close next to the launch
template <typename T> struct Box { T value; };
template <typename T> struct Twice { static __device__ T of(T x) { return x + x; } };
template <template <typename> class F, typename T> __global__ void apply(T* out) { out[0] = F<T>::of(out[0]); }
template <typename T> __global__ void sized(float* out) { out[0] = sizeof(T); }
template <class T, template <class> typename... F> __global__ void many(T* out) { out[0] = sizeof...(F); }
//-
apply<Twice><<<1, 1>>>(out);
apply<Twice, float><<<1, 2>>>(out);
sized<Box<int>><<<1, 1>>>(out);
sized<Box<Box<char>>><<<1, 1>>>(out);
sized<Box<Box<Box<double>>>><<<sizeof(Box<Box<int>>), (sizeof(Box<Box<Box<char>>>))>>>(out);
sized<Box<Box<short> > > <<<1, 1>>> (out);
many<float, Box, Twice><<<1, 1>>>(out);

//! non-type parameters of every kind
enum class Mode { add = 1, multiply };
enum Plain { red, green };
struct Here { static constexpr int value = 3; };
template <Mode M> __global__ void k(float* out) { out[0] = M == Mode::add ? 1 : 2; }
template <auto V> __global__ void v(float* out) { out[0] = V; }
template <char C, unsigned long long L, Plain P> __global__ void m(float* out) { out[C % 4] = L + P; }
template <int (Here::*F)()> struct Member {};
template <std::size_t... I> __global__ void s(float* out) { ((out[I] = I), ...); }
//-
k<Mode::add><<<1, 1>>>(out);
k<static_cast<Mode>(2)><<<1, 1>>>(out);
v<3><<<1, 1>>>(out);
v<'x'><<<1, 1>>>(out);
v<-1L><<<1, 1>>>(out);
v<Here::value><<<1, 1>>>(out);
v<green><<<1, 1>>>(out);
m<'<', 18446744073709551615ull, red><<<1, 1>>>(out);
m<'\'', 0x1'0000'0000, Plain::green><<<1, 1>>>(out);
s<0, 2, 4><<<1, 1>>>(out);

//! launches from function templates
template <typename T, int N> __global__ void k(T* out, int n) { out[N] = n; }
template <typename T> __global__ void one(T* out) { *out = 1; }
template <typename T, int N = 4> void run(T* out, int n) {
  k<T, N><<<1, N>>>(out, n);
  k<T, N * 2><<<(N + 1) / 2, n > 2 ? N : 2 * N>>>(out, n);
  one<<<sizeof(T), N>>>(out);
}
template <typename T> void twice(T* out, int n) {
  run<T>(out, n);
  run<T, sizeof(T) * 2>(out, n);
}
template <int... N> void each(float* out, int n) { (k<float, N><<<N, 1>>>(out, n), ...); }
template <typename... T> void types(void* out) { (one<<<1, sizeof(T)>>>(static_cast<T*>(out)), ...); }
template <int N> void down(float* out) {
  if constexpr (N > 0) {
    k<float, N><<<1, N>>>(out, N);
    down<N - 1>(out);
  }
}
//-
twice(out, n);
each<1, 2, 3>(out, n);
types<float, int, double>(out);
down<3>(out);

//! launches from class templates
template <typename T, int N> __global__ void k(T* out, int n) { out[N] = n; }
template <typename T> struct Runner {
  static constexpr int width = 16;
  T* out;
  explicit Runner(T* out) : out(out) { k<T, 0><<<1, 1>>>(out, 0); }
  template <int N> void go(int n) const { k<T, N><<<this->width, N>>>(out, n); }
  void operator()(int n) { k<T, width><<<1, width>>>(out, n); }
  static void fixed(T* out) { k<T, 1><<<1, 1>>>(out, 1); }
  struct Inner { void go(T* out) { k<T, 2><<<1, 2>>>(out, 2); } };
  ~Runner() { k<T, 9><<<1, 9>>>(out, 9); }
};
template <typename T> struct Derived : Runner<T> {
  using Runner<T>::Runner;
  void both(int n) { this->template go<3>(n), k<T, Runner<T>::width><<<Derived::width, 4>>>(this->out, n); }
};
template <> struct Runner<int> { static void fixed(int* out) { k<int, 7><<<7, 7>>>(out, 7); } };
//-
Runner<float> r(out);
r.go<4>(n);
r(n);
Runner<float>::fixed(out);
Runner<float>::Inner{}.go(out);
Derived<float>(out).both(n);
Runner<int>::fixed((int*)out);

//! kernels as template arguments and as function arguments
template <typename T> __global__ void k(T* out, int n) { *out = n; }
__global__ void plain(float* out, int n) { *out = -n; }
template <void (*K)(float*, int)> void pointed(float* out, int n) { K<<<1, 2>>>(out, n); }
template <auto K> void any(float* out, int n) { K<<<1, 3>>>(out, n); }
template <auto& K> void reference(float* out, int n) { K<<<1, 4>>>(out, n); }
template <typename F, typename... A> void launch(F kernel, dim3 grid, A... all) { kernel<<<grid, 5>>>(all...); }
template <typename... P> void typed(void (*kernel)(P...), P... all) { kernel<<<1, 6>>>(all...); }
template <typename F> void forwarded(F&& kernel, float* out, int n) { kernel<<<1, 7>>>(out, n); }
//-
pointed<k<float>>(out, n);
pointed<plain>(out, n);
pointed<&plain>(out, n);
any<plain>(out, n);
any<&k<float>>(out, n);
reference<plain>(out, n);
launch(k<float>, 2, out, n);
launch(plain, dim3(1, 2), out, n);
typed(plain, out, n);
typed<float*, int>(k, out, n);
forwarded(plain, out, n);
forwarded(k<float>, out, n);

//! kernels through pointers and references
template <typename T> __global__ void k(T* out, int n) { *out = n; }
__global__ void one(float* out, int n) { *out = 1; }
static __global__ void two(float* out, int n) { *out = 2; }
using Kernel = void(float*, int);
typedef void (*Pointer)(float*, int);
struct Choice { Pointer kernel; int block; };
Pointer choose(int n) { return n > 4 ? one : two; }
//-
auto f = k<float>;
f<<<1, 1>>>(out, n);
void (*g)(float*, int) = two;
g<<<1, 2>>>(out, n);
Pointer table[] = {one, two, k<float>};
table[n % 3]<<<1, 3>>>(out, n);
Kernel& r = one;
r<<<1, 4>>>(out, n);
Choice c{&two, 5};
c.kernel<<<1, c.block>>>(out, n);
choose(n)<<<1, 6>>>(out, n);
(n > 2 ? one : two)<<<1, 7>>>(out, n);
(*g)<<<1, 8>>>(out, n);
(&one)<<<1, 9>>>(out, n);
static_cast<Pointer>(k)<<<1, 10>>>(out, n);
(k<float>)<<<1, 11>>>(out, n);
const auto& h = table[1];
h<<<1, 12>>>(out, n);
for (Choice each : {Choice{one, 13}, Choice{two, 14}}) each.kernel<<<1, each.block>>>(out, n);

//! overloaded kernels
__global__ void k(float* out, int n) { *out = n; }
__global__ void k(float* out, float x) { *out = x; }
__global__ void k(float* out) { *out = 0; }
__global__ void k(const float* a, float* out) { *out = *a; }
template <typename T> __global__ void k(T* out, T* other) { *out = *other; }
template <int N> __global__ void k(float* out) { *out = N; }
void k(int) {}
//-
k<<<1, 1>>>(out, n);
k<<<1, 2>>>(out, 1.5f);
k<<<1, 3>>>(out, 'c');
k<<<1, 4>>>(out);
k<<<1, 5>>>(a, out);
k<<<1, 6>>>(out, out);
k<4><<<1, 7>>>(out);
k<float><<<1, 8>>>(out, out);
static_cast<void (*)(float*, float)>(k)<<<1, 9>>>(out, n);
k(3);

//! kernels in namespaces
namespace outer::inner { __global__ void k(float* out) { *out = 1; } }
namespace outer { inline namespace v2 { template <typename T> __global__ void w(T* out) { *out = 2; } } }
namespace { __global__ void hidden(float* out) { *out = 3; } }
namespace outer { namespace { template <int N> __global__ void deep(float* out) { *out = N; } } }
namespace alias = outer::inner;
namespace lib { struct Tag { int x; }; __global__ void found(Tag, float* out) { *out = 4; } }
//-
outer::inner::k<<<1, 1>>>(out);
alias::k<<<1, 2>>>(out);
outer::w<<<1, 3>>>(out);
outer::v2::w<float><<<1, 4>>>(out);
hidden<<<1, 5>>>(out);
::part@::hidden<<<1, 6>>>(out);
outer::deep<7><<<1, 7>>>(out);
using outer::w;
w<<<1, 8>>>(out);
using namespace outer::inner;
k<<<1, 9>>>(out);
lib::found<<<1, 10>>>({n}, out);

//! kernels declared in every way
static __global__ void first(float* out);
__global__ static void second(float* out) { *out = 2; }
void __global__ third(float* out) { *out = 3; }
__global__ auto fourth(float* out) -> void { *out = 4; }
[[maybe_unused]] __global__ void fifth(float* out) { *out = 5; }
__global__ __launch_bounds__(64, 2) void sixth(float* out) { *out = 6; }
template <int N> static __global__ void __launch_bounds__(N * 32) seventh(float* out) { *out = N; }
template <> __global__ void seventh<3>(float* out) { *out = -3; }
template <typename T> __global__ void eighth(T* out) { *out = 8; }
template __global__ void eighth<double>(double*);
template <> __global__ void eighth(int* out) { *out = 80; }
__attribute__((global)) void ninth(float* out) { *out = 9; }
__global__ void __maxnreg__(64) tenth(float* out) { *out = 10; }
inline __global__ void eleventh(float* out) { *out = 11; }
__global__ void twelfth(float[4], const int) {}
extern "C" __global__ void thirteenth@(float* __restrict__ out) { *out = 13; }
__global__ void unused(float* out) { *out = 14; }
//-
first<<<1, 1>>>(out);
second<<<1, 2>>>(out);
third<<<1, 3>>>(out);
fourth<<<1, 4>>>(out);
fifth<<<1, 5>>>(out);
sixth<<<1, 6>>>(out);
seventh<2><<<1, 7>>>(out);
seventh<3><<<1, 8>>>(out);
eighth<<<1, 9>>>(out);
eighth<<<1, 10>>>((int*)out);
ninth<<<1, 11>>>(out);
tenth<<<1, 12>>>(out);
eleventh<<<1, 13>>>(out);
twelfth<<<1, 14>>>(out, n);
thirteenth@<<<1, 15>>>(out);
//-
static __global__ void first(float* out) { *out = 1; }

//! kernels with default arguments
constexpr int square(int x) { return x * x; }
struct Options { int a = 1; float b = 2; };
__global__ void k(float* out, int n = 3, float x = square(2)) { out[n] = x; }
__global__ void o(float* out, Options options = {}) { *out = options.a + options.b; }
template <typename T> __global__ void t(T* out, T x = T(7), const float* none = nullptr) { *out = x; }
__global__ void later(float* out, int n);
__global__ void later(float* out, int n = 9);
//-
k<<<1, 1>>>(out);
k<<<1, 2>>>(out, n);
k<<<1, 3>>>(out, n, 4);
o<<<1, 4>>>(out);
o<<<1, 5>>>(out, {5});
o<<<1, 6>>>(out, Options());
t<<<1, 7>>>(out);
t<<<1, 8>>>(out, 2.f, a);
later<<<1, 9>>>(out);
//-
__global__ void later(float* out, int n) { *out = n; }

//! structs and arrays in structs by value
struct Shape { int dims[4]; long long stride[2]; };
struct Outer { Shape shapes[2]; float* out; union { float f; int i; } either; };
struct alignas(16) Wide { float x[4]; };
struct Big { float values[512]; };
struct Bits { unsigned a : 3, b : 29; };
struct Base { int n; };
struct Derived : Base { float x; __host__ __device__ float get() const { return n + x; } };
template <typename T, int N> struct Array { T data[N]; __host__ __device__ T operator[](int i) const { return data[i]; } };
enum class Kind : unsigned char { a, b };
__global__ void shape(Shape s, float* out) { *out = s.dims[3] + s.stride[1]; }
__global__ void outer(const Outer o) { o.out[0] = o.shapes[1].dims[2] + o.either.f; }
__global__ void wide(char c, Wide w, float* out) { *out = w.x[c]; }
__global__ void big(const __grid_constant__ Big b, float* out) { *out = b.values[threadIdx.x]; }
__global__ void mixed(bool a, short b, Kind c, Bits d, double e, float4 f, float* out) { *out = a + b + (int)c + d.b + e + f.w; }
__global__ void derived(Derived d, Array<float, 3> a, Array<Array<int, 2>, 2> b, float* out) { *out = d.get() + a[1] + b[1][0]; }
//-
Shape s{{1, 2, 3, n}, {4, 5}};
shape<<<1, 1>>>(s, out);
shape<<<1, 2>>>({{n}, {}}, out);
shape<<<1, 3>>>(Shape{}, out);
Outer o = {{s, s}, out, {1.5f}};
outer<<<1, 4>>>(o);
wide<<<1, 5>>>(2, {{1, 2, 3, 4}}, out);
Big large{};
large.values[3] = n;
big<<<1, 7>>>(large, out);
mixed<<<1, 8>>>(true, -2, Kind::b, {1, 2}, 3, make_float4(1, 2, 3, 4), out);
Derived d;
d.n = n, d.x = 3;
derived<<<1, 9>>>(d, {{1, 2, 3}}, {{{{1, 2}}, {{3, 4}}}}, out);

//! macros around launches [file]
#define LAUNCH@(kernel, grid, block, ...) kernel<<<grid, block>>>(__VA_ARGS__)
#define CONFIG@ <<<2, 32>>>
#define OPEN@ <<<
#define CLOSE@ >>>
#define CAT@(a, b) a##b
#define CHECKED@(...)                           \
  do {                                          \
    __VA_ARGS__;                                \
    if (cudaGetLastError() != cudaSuccess) {    \
      return; /* give up: k<<<1, 1>>>(out); */  \
    }                                           \
  } while (0)
#define SIZES@(X) X(1) X(2) X(4)
#define DEFINE@(size) __global__ void k@_##size(float* out) { out[size] = size; }
#define RUN@(size) k@_##size<<<size, size * 2>>>(out);
#define NAMED@(kernel) kernel<<<1, sizeof(#kernel)>>>(out)
#define OPTIONAL@(kernel, ...) kernel<<<1, 5>>>(out, ##__VA_ARGS__)
#define PRAGMA@ _Pragma("unroll")
#define EMPTY@
#define OBJECT@ k@_1<<<1, 7>>>(out)
SIZES@(DEFINE@)
template <int N, typename T> __global__ void t@(T* out, int n = N) { PRAGMA@ for (int i = 0; i < N; ++i) out[i] = n; }
//-
LAUNCH@(k@_1, 1, 1, out);
LAUNCH@(k@_2, dim3(1, 2), (n, 2), out);
LAUNCH@(CAT@(k@, _4), 1, 3, out);
LAUNCH@((t@<3, float>), 1, 4, out, n);
t@<1> CONFIG@ (out);
t@<2> OPEN@ 1, 5 CLOSE@ (out);
CHECKED@(t@<4><<<1, 6>>>(out, n));
CHECKED@(k@_1<<<1, 7>>>(out), k@_2<<<1, 8>>>(out));
SIZES@(RUN@)
NAMED@(k@_1);
OPTIONAL@(k@_1);
OPTIONAL@(t@<8>, n);
EMPTY@ OBJECT@ EMPTY@;
#undef LAUNCH@
#define LAUNCH@(kernel) kernel<<<1, 9>>> EMPTY@ (out)
LAUNCH@(k@_4);

//! dispatch macros over types and sizes
#define DISPATCH@(value, NAME, ...)                                             \
  [&] {                                                                         \
    switch (value) {                                                            \
      case 1: { constexpr int NAME = 1; return __VA_ARGS__(); }                 \
      case 2: { constexpr int NAME = 2; return __VA_ARGS__(); }                 \
      default: { constexpr int NAME = 64; return __VA_ARGS__(); }               \
    }                                                                           \
  }()
#define BOOL@(condition, NAME, ...) if (condition) { constexpr bool NAME = true; __VA_ARGS__ } else { constexpr bool NAME = false; __VA_ARGS__ }
#define FOR_TYPES@(T, ...) { using T = float; __VA_ARGS__ } { using T = int; __VA_ARGS__ }
template <int N, typename T> __global__ void k(T* out) { *out = N; }
template <bool B, int N> __global__ void m(float* out) { *out = B ? N : -N; }
//-
DISPATCH@(n % 3, WIDTH, [&] { k<WIDTH><<<1, WIDTH>>>(out); });
BOOL@(n > 2, BIG, m<BIG, 3><<<1, 3>>>(out);)
BOOL@(n > 3, X, BOOL@(n < 2000, Y, m<X && Y, (X ? 3 : 4)><<<1, 4>>>(out);))
FOR_TYPES@(T, k<5><<<1, sizeof(T)>>>((T*)out);)

//! launches in control flow
__global__ void k(float* out, int n) { *out = n; }
__global__ void m(float* out) { *out = 1; }
//-
if (n > 2) k<<<1, 1>>>(out, n);
else m<<<1, 2>>>(out);
if (int x = n * 2; x > 4) { k<<<1, 3>>>(out, x); } else if (n == 1) k<<<1, 4>>>(out, 0);
for (int i = 0; i < 3; ++i) k<<<i + 1, 5>>>(out, i);
for (int i = 0; i < 2; k<<<1, 6>>>(out, i), ++i) m<<<1, 6>>>(out);
int i = 2;
while (i-- > 0) m<<<1, i + 1>>>(out);
do m<<<1, 7>>>(out); while (++i < 2);
switch (n) {
  case 1: k<<<1, 8>>>(out, 1);
  case 2: m<<<1, 8>>>(out); break;
  default: k<<<2, 8>>>(out, n);
}
n > 2 ? k<<<1, 9>>>(out, n) : m<<<2, 9>>>(out);
n > 2 ? (k<<<1, 10>>>(out, n), m<<<1, 10>>>(out)) : void();
m<<<1, 11>>>(out), k<<<1, 11>>>(out, n), m<<<1, 11>>>(out);
n > 2 && (m<<<1, 12>>>(out), true);
(void)(m<<<1, 13>>>(out), 0);
{ { m<<<1, 14>>>(out); } };
goto there;
k<<<9, 9>>>(out, n);
there: k<<<1, 15>>>(out, n);
for (int x : {1, 2, 3}) k<<<x, 16>>>(out, x);
if (n < 0) return m<<<1, 17>>>(out);
if constexpr (sizeof(int) == 4) m<<<1, 18>>>(out); else k<<<1, 18>>>(out, n);
try { m<<<1, 19>>>(out); throw 3; } catch (int x) { k<<<1, x>>>(out, x); } catch (...) {}

//! launches in lambdas
__global__ void k(float* out, int n) { *out = n; }
template <typename F> void times(int count, F f) { for (int i = 0; i < count; ++i) f(i); }
struct Task { float* out; auto make() { return [this](int n) { k<<<1, n>>>(out, n); }; } };
//-
[&] { k<<<1, 1>>>(out, n); }();
[=]() mutable -> int { n += 1; k<<<1, 2>>>(out, n); return n; }();
auto launch = [out](auto x) { k<<<1, sizeof(x)>>>(out, x); };
launch(n), launch(2.0), launch('c');
times(3, [&](int i) { k<<<i + 1, 3>>>(out, i); });
auto nested = [&] { return [=] { k<<<1, 4>>>(out, n); }; };
nested()();
Task{out}.make()(5);
void (*plain)(float*) = [](float* p) { k<<<1, 6>>>(p, 6); };
plain(out);
auto variadic = [&](auto... x) { (k<<<1, 7>>>(out, x), ...); };
variadic(1, 2, 3);
constexpr auto half = [](int x) { return x / 2; };
k<<<half(4), half(16)>>>(out, half(n));

//! several launches on a line, and one over many
template <int N> __global__ void k(float* out, int n) { out[N] = n; }
//-
k<1><<<1, 1>>>(out, n); k<2><<<1, 1>>>(out, n); k<3><<<1, 1>>>(out, n), k<4><<<1, 1>>>(out, n);
k<5>
    <<<
        dim3(1,
             2),
        // a comment >>> in between
        32 /* and <<< another */
    >>>
    (
        out,
        n
    )
    ;
k <6> <<< 1 , 1 >>> ( out , n ) ;k<7><<<1,1>>>(out,n);
k<8><<<1\
,1>>>(out, n);
k<9><\
<<1, 1>\
>>(out, n);
k<1\
0><<<1, 1>>>(out, n);

//! digraphs and alternative tokens
%:define NAME@ 3
__global__ void k(float out<::>, int n) <% out<:0:> = not n or n bitand 1; %>
template <typename T> struct Box <% T v; %>;
struct Local {};
//-
k<<<1, NAME@>>>(out, n);
if (n not_eq 3 and n > 1) <% k<<<1, 4>>>(out, compl n); %>
Box<::part@::Local> box; (void)box;

//! cudaLaunchKernel with arrays of pointers
struct Pair { float a; int b; };
template <typename T> __global__ void k(T* out, int n, Pair p) { *out = n + p.a + p.b; }
__global__ void plain(float* out) { *out = 1; }
//-
Pair pair{1.5f, n};
void* all[] = {&out, &n, &pair};
cudaLaunchKernel((const void*)k<float>, dim3(1, 2), dim3(3), all, 0, 0);
cudaLaunchKernel(reinterpret_cast<void*>(&k<float>), 2, 4, all, 16, nullptr);
cudaLaunchKernel(k<float>, dim3(1), dim3(5), all, 0, nullptr);
const void* f = (const void*)plain;
void** none = &all[0];
cudaLaunchKernel(f, {1, 2, 3}, {7}, none, 0, 0);
if (cudaError_t error = cudaLaunchKernel((void*)k<float>, 1, 8, all, 0, 0); error != cudaSuccess) return;

//! cooperative launches
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
__global__ void k(float* out, int n) {
  cg::grid_group grid = cg::this_grid();
  out[grid.thread_rank()] = n;
  grid.sync();
  out[0] += out[grid.size() - 1];
}
//-
void* all[] = {(void*)&out, (void*)&n};
cudaLaunchCooperativeKernel((void*)k, dim3(4), dim3(32), all, 0, 0);
cudaLaunchCooperativeKernel(k, 2, 16, all);

//! launches with cudaLaunchKernelEx
__global__ void k(float* out, int n) { *out = n; }
//-
cudaLaunchConfig_t config = {};
config.gridDim = dim3(2);
config.blockDim = 32;
cudaLaunchAttribute attributes[1];
attributes[0].id = cudaLaunchAttributeCooperative;
attributes[0].val.cooperative = 0;
config.attrs = attributes;
config.numAttrs = 0;
cudaLaunchKernelEx(&config, k, out, n);

//! constants
__constant__ float weights[4];
__constant__ int single;
static __constant__ double hidden = 3;
namespace { __constant__ struct { int a; float b[2]; } both; }
__constant__ float4 fixed[2] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
template <typename T> __constant__ T generic;
__global__ void k(float* out) { *out = weights[1] + single + hidden + both.b[1] + fixed[1].y + generic<float>; }
//-
float values[4] = {1, 2, 3, float(n)};
cudaMemcpyToSymbol(weights, values, sizeof(values));
cudaMemcpyToSymbol(weights, values + 1, sizeof(float), 2 * sizeof(float), cudaMemcpyHostToDevice);
cudaMemcpyToSymbol(single, &n, sizeof n);
cudaMemcpyToSymbolAsync(both, values, 8, 4, cudaMemcpyHostToDevice, 0);
cudaMemcpyToSymbol(weights, a, 4, 0, cudaMemcpyDeviceToDevice);
void* address;
cudaGetSymbolAddress(&address, hidden);
cudaMemset(address, 0, 8);
size_t size;
cudaGetSymbolSize(&size, fixed);
k<<<1, (int)size>>>(out);

//! device variables
__device__ int counter = 3;
__device__ float table[2][3] = {{1}, {2, 3}};
static __device__ unsigned long long hidden;
__device__ const float fixed = 1.5f;
static inline __device__ int shared_between = 4;
__device__ volatile int flag;
__device__ float* scratch;
namespace { __device__ int anonymous; }
template <int N> __device__ int generic = N;
struct S { int a, b; };
__device__ S s{1, 2};
__global__ void k(float* out) {
  __shared__ int fast;
  static __device__ int kept;
  fast = atomicAdd(&counter, 1) + anonymous + generic<3> + s.b + flag;
  *out = table[1][1] + hidden + fixed + shared_between + fast + kept++;
}
//-
int zero = 0;
cudaMemcpyToSymbol(counter, &zero, sizeof(int));
void* address;
cudaGetSymbolAddress(&address, table);
cudaMemsetAsync(address, 0, sizeof(float[2][3]), 0);
cudaMemcpyToSymbol(scratch, &out, sizeof(out));
k<<<1, 1>>>(out);

//! constants of the compiler, shared by host and device
constexpr int width = 8;
__device__ constexpr float table[] = {1, 2, 3};
struct Traits { static constexpr int tile = 16; static constexpr int tiles[2] = {1, 2}; enum { other = 5 }; };
const int plain = 7;
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
__host__ __device__ constexpr unsigned power(unsigned x, unsigned n) { return n == 0 ? 1 : x * power(x, n - 1); }
template <int N> constexpr int log2_of = 1 + log2_of<N / 2>;
template <> constexpr int log2_of<1> = 0;
__host__ __device__ inline int both(int x) {
#ifdef __CUDA_ARCH__
  return x + __CUDA_ARCH__ / 100;
#else
  return x + 1;
#endif
}
__global__ void k(float* out, int n) {
  static_assert(power(2, 3) == width);
  constexpr float local[] = {3, 4};
  __shared__ float tile[Traits::tile][ceil_div(9, 2)];
  tile[threadIdx.x][0] = table[1] + local[n & 1] + plain + Traits::other + ceil_div(n, 3) + both(n) + log2_of<32>;
  __syncthreads();
  *out = tile[Traits::tiles[1]][0];
}
//-
k<<<ceil_div(n, Traits::tile), power(2, 4)>>>(out, both(n));
k<<<log2_of<64>, Traits::tile>>>(out, Traits::other);

//! dynamic shared memory
extern __shared__ float common[];
__global__ void k(float* out, int n) { common[threadIdx.x] = n; __syncthreads(); *out = common[0]; }
template <typename T> __global__ void t(T* out) {
  extern __shared__ __align__(16) unsigned char raw[];
  T* typed = reinterpret_cast<T*>(raw);
  typed[threadIdx.x] = out[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = typed[blockDim.x - 1 - threadIdx.x];
}
template <typename T> struct Shared { __device__ operator T*() { extern __shared__ int4 bytes[]; return (T*)bytes; } };
__global__ void s(float* out) { float* p = Shared<float>(); p[threadIdx.x] = 1; *out = p[0]; }
//-
cudaFuncSetAttribute(k, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10);
k<<<1, 32, 64 << 10>>>(out, n);
cudaFuncSetAttribute(t<float>, cudaFuncAttributeMaxDynamicSharedMemorySize, 100'000);
t<float><<<1, 64, 100'000>>>(out);
cudaFuncSetAttribute((const void*)s, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared);
cudaFuncSetAttribute(&t<double>, cudaFuncAttributeMaxDynamicSharedMemorySize, n);
size_t bytes = 32 * sizeof(float);
s<<<1, 32, bytes>>>(out);
t<<<1, 32, 32 * sizeof *out>>>(out);

//! launch bounds
constexpr int T = 128;
__global__ void __launch_bounds__(T) a1(float* out) { *out = 1; }
__global__ void __launch_bounds__(T * 2, (T > 64) ? 2 : 1) a2(float* out) { *out = 2; }
__launch_bounds__(64) __global__ void a3(float* out) { *out = 3; }
template <int N, int M> __launch_bounds__(N, M) __global__ void a4(float* out) { *out = 4; }
template <typename P> __global__ void __launch_bounds__(P::threads) a5(float* out) { *out = P::threads; }
struct Policy { static constexpr int threads = 96; };
//-
a1<<<1, T>>>(out);
a2<<<1, 2 * T>>>(out);
a3<<<1, 64>>>(out);
a4<T, 2><<<1, T>>>(out);
a5<Policy><<<1, Policy::threads>>>(out);

//! scratch, events, queries and occupancy
__global__ void __launch_bounds__(256) k(float* out, float* scratch) {
  __shared__ float s[256];
  s[threadIdx.x] = scratch[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = s[255 - threadIdx.x];
}
//-
float* scratch = nullptr;
cudaMalloc(&scratch, n * sizeof(float));
void* bytes;
cudaMallocAsync(&bytes, 100, 0);
cudaMemsetAsync(scratch, 0, n * 4);
cudaDeviceProp properties;
cudaGetDeviceProperties(&properties, 0);
int device = 0, count = 0, blocks = 0;
cudaGetDevice(&device);
cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device);
cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, k, 256, 0);
int grid, block;
cudaOccupancyMaxPotentialBlockSize(&grid, &block, k, 0, 0);
cudaFuncAttributes attributes;
cudaFuncGetAttributes(&attributes, k);
k<<<count, 256>>>(out, scratch);
k<<<properties.multiProcessorCount * blocks, 128>>>(out, scratch);
k<<<grid, block>>>(out, (float*)bytes);
k<<<1, attributes.numRegs>>>(out, scratch);
cudaEvent_t event;
cudaEventCreate(&event);
cudaEventRecord(event);
cudaStreamWaitEvent(0, event, 0);
cudaMemcpyAsync(out, scratch, 4, cudaMemcpyDeviceToDevice, cudaStreamPerThread);
cudaFreeAsync(bytes, 0);
cudaFree(scratch);
if (cudaPeekAtLastError() != cudaSuccess) return;
if (cudaDeviceSynchronize() != cudaSuccess) return;
if (cudaError_t e = cudaGetLastError()) { cudaGetErrorString(e); return; }

//! functors and operators
struct Add { template <typename T> __host__ __device__ T operator()(T a, T b) const { return a + b; } };
struct Scale { float by; __device__ float operator()(float x) const { return x * by; } };
template <typename A, typename B> struct Compose { A a; B b; __device__ float operator()(float x) const { return a(b(x)); } };
template <typename A, typename B> __host__ __device__ Compose<A, B> compose(A a, B b) { return {a, b}; }
template <typename F> __global__ void map(F f, float* out) { *out = f(*out); }
template <typename F, typename T> __global__ void fold(F f, T* out) { *out = f(out[0], out[1]); }
__host__ __device__ float2 operator+(float2 a, float2 b) { return make_float2(a.x + b.x, a.y + b.y); }
__device__ float4& operator*=(float4& a, float s) { a.x *= s; a.y *= s; a.z *= s; a.w *= s; return a; }
__device__ bool operator<(const float2& a, const float2& b) { return a.x < b.x; }
__global__ void vectors(float4* out) {
  float4 v = out[threadIdx.x];
  v *= 2.f;
  float2 w = float2{v.x, v.y} + make_float2(v.z, v.w);
  if (w < float2{1, 2}) v.x = w.y;
  out[threadIdx.x] = v;
}
struct Vec { float x, y; friend __host__ __device__ Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y}; } };
__global__ void vec(Vec a, float* out) { *out = (a - Vec{1, 2}).x; }
//-
map<<<1, 1>>>(Scale{2}, out);
map<<<1, 2>>>(compose(Scale{n * 1.f}, compose(Scale{3}, Scale{4})), out);
fold<<<1, 3>>>(Add(), out);
fold<Add, int><<<1, 4>>>({}, (int*)out);
vectors<<<1, 5>>>(reinterpret_cast<float4*>(out));
vec<<<1, 6>>>(Vec{3, 4} - Vec{1, 1}, out);

//! literals of one's own
constexpr unsigned long long operator""_kb(unsigned long long x) { return x << 10; }
constexpr float operator""_half(long double x) { return float(x / 2); }
dim3 operator""_blocks(unsigned long long x) { return dim3(x); }
__host__ __device__ constexpr unsigned operator"" _t(unsigned long long x) { return x * 32; }
template <char... C> constexpr int operator""_count() { return sizeof...(C); }
__global__ void k(float* out, float x) { extern __shared__ float s[]; s[0] = 3.0_half + 2_t; *out = x + s[0]; }
//-
k<<<2_blocks, 1_t, 1_kb>>>(out, 5.0_half);
k<<<1, 1234_count>>>(out, 1);

//! device code with its own syntax
#define FULL@ 0xffffffffu
__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int i = 16; i > 0; i >>= 1) x += __shfl_down_sync(FULL@, x, i);
  return x;
}
__device__ __noinline__ int slow(int x) { return x < 2 ? x : slow(x - 1) + slow(x - 2); }
__device__ inline unsigned lane() { unsigned r; asm volatile("mov.u32 %0, %%laneid;" : "=r"(r)); return r; }
__device__ void (*pointer)(int);
template <int N> __global__ void k(const float* __restrict__ in, float* __restrict__ out, int n) {
  __shared__ alignas(16) float s[N][33];
  const auto [x, y, z] = threadIdx;
  int i = blockIdx.x * blockDim.x + x;
  float2 pair = reinterpret_cast<const float2*>(in)[i % 2];
  auto square = [=](float v) { return v * v + y + z; };
  auto& row = s[x % N];
#pragma unroll N
  for (int j = 0; j < N; ++j) row[j] = square(__ldg(in + j));
  __syncthreads();
  if (i >= n) return;
  switch (i & 3) { case 0: row[0] += 1; [[fallthrough]]; case 1: row[1] += 2; break; default: row[2] = 0; }
  float v = warp_sum(row[0] + pair.x);
  if (lane() == 0) atomicAdd(out, v), atomicMax((int*)out, slow(i));
  unsigned mask = __ballot_sync(FULL@, v > 0);
  out[i] = __popc(mask) + __fdividef(v, 3.f) + __expf(-v) + rsqrtf(v) + fmaxf(v, 0) + __int_as_float(__float_as_int(v));
}
//-
k<8><<<(n + 255) / 256, 256>>>(a, out, n);
k<4><<<1, 32>>>(b, out, n);

//! names at the launch that look like something else
struct grid { static constexpr int x = 2; };
namespace kernel { __global__ void launch(float* out, int n) { *out = n; } }
__global__ void global(float* out) { *out = 1; }
__global__ void __stub(float* out) { *out = 2; }
__global__ void k_1(float* out) { *out = 3; }
__global__ void k_11(float* out) { *out = 4; }
template <class T> __global__ void T1(T* out) { *out = 5; }
//-
int block = 3, shared = 0, stream = n;
kernel::launch<<<grid::x, block, shared>>>(out, stream);
global<<<1, 1>>>(out); __stub<<<1, 2>>>(out); k_1<<<1, 3>>>(out); k_11<<<1, 4>>>(out);
int T1 = 1;
part@::T1<<<T1, 5>>>(out);

//! unusual launches
struct Convertible { operator dim3() const { return dim3(2, 2); } };
struct Handle { float* p; operator float*() const { return p; } };
enum { few = 4 };
__global__ void k(float* out, double x, const void* p) { *out = x + (p != nullptr); }
__global__ void nothing() {}
__global__ void rows(float (*m)[4], float (&r)[2]) { m[0][1] = 1; }
//-
k<<<Convertible(), Convertible{}>>>(Handle{out}, n, 0);
k<<<few, 'A'>>>(out, true, "text" + 1 ? nullptr : nullptr);
k<<<2.9, 3.5f>>>(out, n / 2, NULL);
nothing<<<1, 1>>>();
rows<<<1, 1>>>((float(*)[4])out, *(float(*)[2])out);
::part@::k<<<1l, 1ull, 0u, (cudaStream_t)0>>>(out, 1, out);
k<<<1, 2, 0, nullptr>>>(out, 1, out);
k<<<1, 2, {}, {}>>>(out, 1, out);
k<<<{1, 2}, {3, 4, 5}>>>(out, 1, out);
int grid = 1; k<<<grid++, grid>>>(out, grid, out);

//! solve-like functions and linkage [file]
extern "C" {
static __global__ void k@(float* out) { *out = 1; }
__global__ void visible@(float* out) { *out = 2; }
int helper@(int x) { return x + 1; }
}
namespace { __global__ void anonymous@(float* out) { *out = 3; } }
static void before@(float* out);
struct { float* p; void go() { anonymous@<<<1, 4>>>(p); } } instance@;
void* operator"" _nothing@(const char*) = delete;
//-
k@<<<1, helper@(0)>>>(out);
visible@<<<1, 2>>>(out);
before@(out);
instance@.p = out;
instance@.go();
//-
static void before@(float* out) { anonymous@<<<1, 3>>>(out); }

//! brackets that are apart, and a configuration of one
__global__ void k(float* out) { *out = 1; }
__global__ void r(float& out) { out = 1; }
void elsewhere(float* out);
//-
k<< <1, 1>>>(out);
k<<<1, 2>> >(out);
k<<<4>>>(out);
k<<<dim3(5, 2)>>>(out);
if (n < 0) elsewhere(out);
//-
void elsewhere(float* out) {}

//! a kernel with a reference
__global__ void r(float& out) { out = 1; }
//-
r<<<1, 1>>>(*out);

//! angle brackets in comments, strings and characters
// k<<<1, 1>>>(out); "
/* k<<<1, 1>>>(out); ' // */
/* not /* nested <<< */
// continued \
   k<<<1, 1>>>(nothing)
__device__ const char text[] = "k<<<1, 1>>>(out);\"\\";
__global__ void k(float* out, int c) { *out = c + text[1]; } // >>>
const char* raw = R"(k<<<1, 1>>>(out); " // /* )";
const char* other = R"x(k<<<1, 1>>>(out); )" */ )x" "<<<" ">>>";
const char* prefixed = u8R"(\)" u8">>>";
const wchar_t* wide = L"<<<";
//-
k<<<1, 1>>>(out, '<'); // k<<<9, 9>>>(out, 1);
k<<<1, 2>>>(out, '"'); /* " */ k<<<1, 3>>>(out, '\''); // '
k<<<1, 1'0>>>(out, 1'000'000);
k<<<1, sizeof("<<<1, 1>>>")>>>(out, sizeof(">>>" "(out)"));
k<<<1, sizeof(R"(>>>(")")>>>(out, '\\');
k<<<1, 5>>>(out, raw[1] + other[2] + prefixed[1] + (int)wide[0]);
k<<<1, 6>>>(out, "//"[0] + "/*"[1]); k<<<1, 7>>>(out, u'<' + U'>' + L'"');
const char* last = R"(
#define k nothing
)";
k<<<1, 8>>>(out, last[1]);

//! constants of a class that are not defined
struct Tile { static const int width = 64, height = 4; static const unsigned limit = 9; };
static const int& smaller(const int& a, const int& b) { return b < a ? b : a; }
__global__ void k(float* out, int n) { *out = n + Tile::width; }
//-
k<<<smaller(n, Tile::width), Tile::height>>>(out, n);
k<<<n > 2 ? Tile::width : Tile::height, Tile::limit>>>(out, max(n, Tile::width));

//! host code that never runs or never ends up in the program
void elsewhere(float* out);
static void unused(float* out) { elsewhere(out); }
inline void also_unused(float* out) { elsewhere(out); }
template <typename T> void never(T* out) { elsewhere(out); }
constexpr bool debug = false;
static const bool verbose = false;
__global__ void k(float* out) { *out = 1; }
//-
if (debug) elsewhere(out);
if (verbose && n > 3) unused(out);
if (sizeof(int) == 8) elsewhere(out);
const bool trace = false;
if (trace) never(out);
bool check = n != n;
if (check) elsewhere(out);
while (0) elsewhere(out);
k<<<1, 1>>>(out);

//! host code that needs the compiler's own library
__global__ void k(float* out, long long x, double y) { *out = x + y; }
unsigned __int128 wide(unsigned long long a) { return (unsigned __int128)a << 70; }
//-
k<<<__builtin_popcount(n) + 1, __builtin_popcountll(n + 7ull)>>>(out, (long long)(wide(n) / (n + 3)), __builtin_powi(1.5, n % 7));
k<<<__builtin_clz(n) + 1, __builtin_ffs(n)>>>(out, (long long)(wide(n) % 1000003), (double)wide(n));
k<<<1, __builtin_parity(n) + 1>>>(out, __builtin_bswap32(n), (double)((__float128)n / 3));
static thread_local int kept = 3;
static int lazy = n + 2;
k<<<kept, lazy>>>(out, (long long)__real__((_Complex double)n * (_Complex double)n), __builtin_expect(n > 2, 1));

//! host work that an optimizer folds
int sum(int n) { return n == 0 ? 0 : 1 + sum(n - 1); }
int count(int n, int found) { return n <= 0 ? found : count(n - 1, found + 1); }
__global__ void k(float* out, unsigned long long n) { *out = n; }
//-
unsigned long long total = 0;
for (unsigned long long i = 0; i < 3'000'000'000ull + n; ++i) total += i;
k<<<1, 1>>>(out, total);
k<<<1, 2>>>(out, sum(1'000'000) + count(1'000'000, 0));

//! CUDA's functions on the host
__global__ void k(float* out, double x, int n) { *out = x + n; }
//-
double d = n + 0.5;
float f = n + 0.5f;
k<<<max(n % 5, 1), min(n, 32)>>>(out, rsqrt(d) + rsqrtf(f) + rcbrt(d) + rcbrtf(f) + sinpi(d) + cospif(f), umin(3, 4));
k<<<1, max(1u, 2)>>>(out, exp10(1.0) + exp10f(f / 1000) + normcdf(d) + normcdff(f) + erfinv(0.5), umax(3, 4));
k<<<1, min(3, 4)>>>(out, max(d, f) + min(f, 2.f) + fmaxf(f, 1), llmin(3, 4) + ullmax(5, 6));
k<<<1, 1>>>(out, fmaxf(f, 3) + sqrtf(f) + cbrtf(f), __signbit(d) + isfinite(f) + __isnanf(f));
double s, c;
sincos(d, &s, &c), sincospi(d, &s, &c);
float t, u;
sincosf(f, &t, &u), sincospif(f, &t, &u);
k<<<1, 2>>>(out, s + c + t + u, abs(n) + abs(-3l) + labs(n));

//! math on the host
#include <cmath>
__global__ void k(float* out, double x, double y) { *out = x + y; }
//-
double d = n / 3.0;
float f = n / 7.0f;
k<<<1, 1>>>(out, sin(d) + std::cos(f) + tanf(f) + asin(d / n) + std::atan2(f, 2.f) + sinh(f / n) + acosh(d + 2) + exp(-d) + exp2f(f / n), tgamma(3.5));
k<<<1, 2>>>(out, log(d) + std::log10(f) + log1pf(f) + logb(d) + pow(d, 1.5) + powf(f, 0.5f) + cbrt(d) + hypot(d, f) + fmod(d, 2), lgamma(d + 1));
k<<<1, 3>>>(out, fma(d, d, d) + remainder(d, 2) + nearbyint(d) + rintf(f) + lrint(d) + std::nextafter(f, 2.f) + ldexp(d, 3), scalbn(d, 3));
k<<<1, 4>>>(out, erf(d) + erfcf(f) + j0(d) + y1(d) + jn(2, d) + copysign(d, -1) + std::signbit(f) + std::fpclassify(f) + ilogb(d), fdim(d, f));
k<<<1, 5>>>(out, std::hypot(d, 2.0) + std::beta(1.0, 2.0) + std::fmax(d, 2) + trunc(d), std::llround(d));
