//! half
#include <cuda_fp16.h>
struct Mixed { half2 g; __half h, last; };
__device__ __half square(__half x) { return x * x + __half(1) - x / __float2half(2.f); }
__global__ void k(__half* out, __half2* pairs, float scale, Mixed m) {
  __half x = out[threadIdx.x];
  float f = x;
  x = f * scale;
  x += square(x);
  if (x > __half(0) && !__hisnan(x)) x = -x;
  half2 p = __hfma2(pairs[0], __float2half2_rn(2.f), make_half2(x, m.h));
  pairs[1] = p * p + m.g;
  float2 wide = __half22float2(p);
  out[threadIdx.x] = hsqrt(__hmax(x, __float2half_rn(wide.x))) + __low2half(p) + hexp(p.y);
  atomicAdd(out, __shfl_xor_sync(~0u, x, 1));
  out[1] = __ushort_as_half(3) + half(__half2float(x) + scale);
  out[2] = __half(3) < x ? 1.0f : 2.0;
}
//-
Mixed m{__floats2half2_rn(2, 3), __float2half(1.5f), 2.f};
k<<<1, sizeof(__half) * 16>>>((__half*)out, reinterpret_cast<half2*>(out), __half2float(m.h), m);
__half h = 2.5f;
k<<<1, int(float(h))>>>((__half*)out, nullptr, h, {{h, h}, h, h});

//! bfloat16
#include <cuda_bf16.h>
__global__ void k(__nv_bfloat16* out, __nv_bfloat162* pairs, float f) {
  __nv_bfloat16 x = __float2bfloat16(f);
  nv_bfloat16 y = x * out[0] + __nv_bfloat16(2);
  out[1] = y > x ? y : -x;
  pairs[0] = __hmul2(pairs[1], __bfloat162bfloat162(y)) + pairs[2];
  out[2] = __bfloat162float(y) + float(x);
  out[3] = __hmax(x, y);
}
//-
k<<<1, 1>>>((__nv_bfloat16*)out, (__nv_bfloat162*)out, __bfloat162float(__float2bfloat16(n)));

//! half and bfloat16 behind templates and aliases
#include <cuda_fp16.h>
#include <cuda_bf16.h>
#include <type_traits>
template <typename T> struct Wide { using type = float; };
template <> struct Wide<double> { using type = double; };
template <typename T> __device__ typename Wide<T>::type load(const T* p) { return static_cast<typename Wide<T>::type>(*p); }
template <typename T> struct alignas(sizeof(T) * 4) Vec4 { T v[4]; };
template <typename T> __global__ void k(const T* in, T* out, int n) {
  auto x = load(in) + load(in + 1);
  if constexpr (std::is_same_v<T, __half>) x += 1;
  Vec4<T> v = *reinterpret_cast<const Vec4<T>*>(in);
#pragma unroll
  for (T& e : v.v) e = e + T(x);
  *reinterpret_cast<Vec4<T>*>(out) = v;
}
template <typename... T> void all(float* out, int n) { (k<T><<<1, sizeof(T)>>>((const T*)out, (T*)out, n), ...); }
//-
all<float, double, __half, __nv_bfloat16, half>(out, n);

//! fp8
#include <cuda_fp8.h>
__global__ void k(__nv_fp8_e4m3* q, float* out) { *q = __nv_fp8_e4m3(*out); *out = float(q[1]) + float(__nv_fp8_e5m2(2.f)); }
//-
k<<<1, sizeof(__nv_fp8_e4m3)>>>((__nv_fp8_e4m3*)out, out);

//! cooperative groups
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
template <unsigned N, typename P> __device__ float sum(cg::thread_block_tile<N, P> tile, float x) {
  for (int i = tile.size() / 2; i > 0; i /= 2) x += tile.shfl_down(x, i);
  return x;
}
__global__ void k(float* out) {
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<32>(block);
  float x = sum(tile, out[block.thread_rank()]);
  cg::coalesced_group active = cg::coalesced_threads();
  if (tile.thread_rank() == 0) out[tile.meta_group_rank()] = x + active.size() + cg::tiled_partition<4>(tile).any(x > 1);
  block.sync();
  cg::sync(tile);
}
//-
k<<<2, 64>>>(out);

//! reductions and scans of cooperative groups
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
using namespace cooperative_groups;
__global__ void k(float* out) {
  auto tile = tiled_partition<16>(this_thread_block());
  float x = reduce(tile, out[threadIdx.x], plus<float>());
  int y = reduce(tile, (int)x, greater<int>()) + inclusive_scan(tile, 3);
  out[threadIdx.x] = x + y;
}
//-
k<<<1, 32>>>(out);

//! functions of C's math library
#include <cmath>
__global__ void k(float* out, int n) {
  float x = *out;
  double d = x;
  x = std::sqrt(x) + sqrt(x) + ::sqrt(d) + std::exp(x) + expf(x) + std::pow(x, 2) + pow(x, 2.0) + powf(x, 3) + pow(d, n);
  x += std::abs(x) + abs(x) + fabs(x) + fabsf(x) + abs(n) + std::abs(n) + std::max(x, 1.0f) + max(n, 2) + min(2u, 3u);
  x += std::isnan(x) + isinf(x) + std::isfinite(d) + floor(x) + std::floor(d) + ceilf(x) + round(x) + lroundf(x) + trunc(d);
  x += std::log(x) + log2f(x) + log1p(d) + tanhf(x) + std::tanh(x) + erf(x) + erff(x) + normcdff(x) + std::fmod(x, 2.f);
  x += rsqrt(d) + rsqrtf(x) + rsqrt(x) + cbrtf(x) + hypotf(x, 1) + fma(d, d, d) + fmaf(x, x, x) + __fmaf_rn(x, x, x) + ldexp(x, n);
  float s, c;
  sincosf(x, &s, &c), sincospi(d, &d, &d);
  x += s + c + M_PI + INFINITY + NAN + HUGE_VALF + copysignf(x, -1) + signbit(x) + __sinf(x) + __logf(x) + __saturatef(x);
  *out = x + exp2f(x) + exp10f(x) + max(n, 2u) + min(1ll, 2ll) + max(x, 2.0) + fdividef(x, 2) + __frcp_rn(x) + j0f(x);
}
//-
k<<<std::abs(-2), int(std::sqrt(4.0) + sqrt(9.f) + std::pow(2, 3))>>>(out, std::floor(2.5));
k<<<abs(n), max(n % 9, 1)>>>(out, std::lround(fabs(-2.5)) + std::isnan(1.f) + int(exp(1) + rsqrtf(4)));

//! math without a header
__global__ void k(float* out, int n) {
  double d = *out;
  *out = sqrt(d) + expf(*out) + fabs(*out) + abs(*out) + max(*out, 0.f) + pow(*out, 2.f) + isnan(d) + ::floor(d) + n % 3 + std::abs(d);
}
//-
k<<<max(n % 9, 1), min(n, 32)>>>(out, ceil(2.5) + sqrtf(4) + fmaxf(n, 2) + pow(2, 3) + abs(-n));

//! integers and limits
#include <cstdint>
#include <climits>
#include <cfloat>
#include <float.h>
#include <limits>
__constant__ uint8_t bytes[4];
__global__ void k(std::uint32_t* out, int64_t n, uint16_t s) {
  float x = -FLT_MAX, y = std::numeric_limits<float>::lowest(), z = std::numeric_limits<float>::infinity();
  out[0] = n > INT32_MAX ? UINT32_MAX : s + bytes[n & 3] + INT_MAX + CHAR_BIT + (x < y) + (z > DBL_MAX);
  out[1] = std::numeric_limits<int8_t>::max() + std::numeric_limits<std::int64_t>::digits + FLT_EPSILON;
  out[2] = uintptr_t(out) + intptr_t(n) + SIZE_MAX + PTRDIFF_MAX + INT64_C(3) + LLONG_MAX;
}
//-
k<<<1, std::numeric_limits<uint8_t>::max() + 1>>>((std::uint32_t*)out, INT64_MAX, UINT16_MAX);

//! types without a header
__global__ void k(uchar1* out, ulong1 n) { *out = {(unsigned char)(n.x + sizeof(size_t) + sizeof(cudaStream_t))}; }
template <size_t N> struct Sized { static constexpr std::ptrdiff_t value = N; };
//-
k<<<Sized<3>::value, sizeof(uint)>>>((uchar1*)out, {sizeof(std::size_t) + sizeof(std::nullptr_t) + sizeof(ushort)});

//! constants of CUDA's math
#include <math_constants.h>
#include <math.h>
__global__ void k(float* out) { *out = CUDART_INF_F + CUDART_PI + CUDART_NAN_F + CUDART_L2E_F + M_E + fminf(CUDART_ZERO_F, *out); }
//-
k<<<1, int(M_PI)>>>(out);

//! printing
#include <cstdio>
#include <stdio.h>
#include <cstdlib>
#include <cassert>
#define CHECK@(call)                                                                     \
  do {                                                                                   \
    cudaError_t status = (call);                                                         \
    if (status != cudaSuccess) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(status));    \
      std::abort();                                                                      \
    }                                                                                    \
  } while (0)
__global__ void k(float* out, int n) {
  if (n < 0) printf("out = %f >>>\n", *out);
  if (n < 1) std::printf("%s\n", __func__);
  assert(n > 0);
  *out = n;
}
//-
CHECK@(cudaMemsetAsync(out, 0, 4, 0));
assert(n > 0);
k<<<1, 1>>>(out, n);
CHECK@(cudaGetLastError());
CHECK@(cudaDeviceSynchronize());
if (n < 0) printf("%d", n), std::exit(1);

//! vectors, algorithms and strings on the host
#include <vector>
#include <algorithm>
#include <numeric>
#include <string>
#include <array>
#include <map>
__global__ void k(float* out, int n) { *out = n; }
std::vector<int> factors(int n) {
  std::vector<int> found;
  for (int i = 2; n > 1; ++i)
    while (n % i == 0) found.push_back(i), n /= i;
  return found;
}
//-
std::vector<std::vector<std::vector<int>>> deep(2, {{1, 2}, {3}});
for (const auto& middle : deep) for (auto& inner : middle) k<<<inner.size(), inner.front()>>>(out, inner.back());
for (int f : factors(n)) k<<<f, 1>>>(out, f);
std::array<int, 3> sizes{3, 1, 2};
std::sort(sizes.begin(), sizes.end(), [](int x, int y) { return x > y; });
k<<<sizes[0], *std::max_element(sizes.begin(), sizes.end())>>>(out, std::accumulate(sizes.begin(), sizes.end(), 0));
std::string text = "k<<<" + std::to_string(n) + ">>>";
k<<<text.size(), std::clamp(n, 1, 32)>>>(out, std::min({4, 5, n}));
std::map<std::string, int> table{{"one", 1}, {"two", 2}};
for (const auto& [name, value] : table) k<<<value, name.length()>>>(out, value);
std::vector v{1, 2, 3};
std::array w{4, 5};
std::pair p{6, 7.f};
k<<<v[1], w[1]>>>(out, p.first + std::max(1, 2));
std::transform(v.begin(), v.end(), v.begin(), [](int x) { return x * x; });
k<<<v.at(2), std::size(w)>>>(out, std::count_if(v.begin(), v.end(), [&](int x) { return x > n; }));
std::vector<float> host(4, 1.5f);
cudaMemcpy(out, host.data(), sizeof(float), cudaMemcpyHostToDevice);

//! tuples, options and structured bindings
#include <tuple>
#include <optional>
#include <utility>
#include <variant>
#include <functional>
#include <memory>
#include <stdexcept>
__global__ void k(float* out, int n) { *out = n; }
std::tuple<int, float, char> parts(int n) { return {n % 5 + 1, 2.5f, 'c'}; }
struct Free { void operator()(int* p) const { delete p; } };
//-
auto [x, y, z] = parts(n);
k<<<x, z>>>(out, y);
int first;
std::tie(first, std::ignore, std::ignore) = parts(n);
k<<<first, std::get<0>(std::make_tuple(3, 4))>>>(out, std::get<char>(parts(n)));
std::optional<int> maybe = n > 3 ? std::optional(n) : std::nullopt;
k<<<maybe.value_or(2) % 7 + 1, maybe ? 1 : 2>>>(out, n);
std::apply([&](auto... v) { (k<<<1, sizeof(v)>>>(out, v), ...); }, std::make_tuple(1, 2.0, 'c'));
std::variant<int, float> either = 3;
std::visit([&](auto v) { k<<<2, sizeof(v)>>>(out, v); }, either);
std::function<void(int)> f = [&](int v) { k<<<v, 3>>>(out, v); };
f(2);
std::unique_ptr<int, Free> p(new int(4));
k<<<*p, *std::make_unique<int>(5)>>>(out, n);
auto [q, r] = std::div(17, 5);
k<<<q, r>>>(out, n);
try { throw std::runtime_error("k<<<1, 1>>>"); } catch (const std::exception& e) { k<<<1, 6>>>(out, e.what()[0]); }
const auto& [small, large] = std::minmax({3, 4});
k<<<small, large>>>(out, std::exchange(n, 5));

//! type traits and sequences of indices
#include <type_traits>
#include <utility>
template <typename T, std::enable_if_t<std::is_floating_point<T>::value, int> = 0> __host__ __device__ int kind(T) { return 1; }
template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0> __host__ __device__ int kind(T) { return 2; }
template <typename T> __global__ void k(T* out, std::conditional_t<(sizeof(T) > 4), int, float> x) { *out = kind(*out) + x; }
template <std::size_t... I> __device__ float spread(const float* p, std::index_sequence<I...>) { return (p[I] + ...); }
template <int N> __global__ void s(float* out) { *out = spread(out, std::make_index_sequence<N>{}); }
template <typename T> void run(T* out) { if constexpr (std::is_same_v<std::decay_t<T>, float>) k<<<1, 1>>>(out, 1); else k<<<1, 2>>>(out, 2); }
template <int... I> void each(float* out, std::integer_sequence<int, I...>) { (s<I + 1><<<1, I + 1>>>(out), ...); }
template <typename T> using Value = typename std::remove_pointer<T>::type;
static_assert(std::is_trivially_copyable<float4>::value && std::is_convertible_v<int, dim3>);
//-
run(out), run((double*)out);
each(out, std::make_integer_sequence<int, 3>());
k<<<std::integral_constant<int, 2>::value, sizeof(Value<float*>)>>>(out, std::is_const_v<decltype(a)>);
k<<<1, std::alignment_of<float4>::value>>>(out, std::is_invocable_v<void (*)(int), int> ? 1 : 2);
//-

//! literals of std
#include <string>
#include <chrono>
#include <complex>
#include <string_view>
using namespace std::literals;
__global__ void k(float* out, long n) { *out = n; }
//-
k<<<"abc"s.size(), "<<<"sv.length()>>>(out, (2h + 30min).count());
using namespace std::complex_literals;
k<<<1, 2>>>(out, (3.0i).imag());

//! std on the device, relaxed
#include <algorithm>
#include <array>
#include <utility>
#include <cstddef>
__global__ void k(float* out, std::array<float, 4> weights, std::pair<int, float> p) {
  float x = std::max(out[0], out[1]);
  std::array<int, 2> local{1, 2};
  x += std::min(x, weights[1]) + std::clamp(x, 0.f, 1.f) + local[0] + p.second + std::get<1>(local);
  out[std::size_t(p.first)] = x + weights.size() + std::max({1, 2, 3}) + std::to_integer<int>(std::byte{3} | std::byte{4});
}
//-
k<<<1, 1>>>(out, {1, 2, 3, 4}, {3, 4.f});
std::array<dim3, 2> shapes{dim3(1, 2), dim3(3)};
k<<<shapes[0], shapes.back()>>>(out, {}, std::make_pair(1, 2.f));

//! cuda::std
#include <cuda/std/array>
#include <cuda/std/limits>
#include <cuda/std/type_traits>
#include <cuda/std/utility>
__global__ void k(cuda::std::array<float, 4> v, float* out) {
  *out = v[1] + cuda::std::numeric_limits<float>::max() + cuda::std::is_same_v<float, int> + cuda::std::get<2>(v);
  auto [single] = cuda::std::array<double, 1>{3};
  out[1] = sizeof(single);
  auto p = cuda::std::make_pair(1, 2.f);
  out[2] = p.second;
}
//-
auto [one] = cuda::std::array<double, 1>{2};
k<<<1, sizeof(one)>>>({1, 2, 3, 4}, out);

//! cuda::std::span, tuple and functional
#include <cuda/std/span>
#include <cuda/std/tuple>
#include <cuda/std/functional>
template <typename F> __global__ void k(float* out) {
  cuda::std::span<float> s(out, 4);
  auto [x, y] = cuda::std::make_tuple(s[0], 2);
  for (float& e : s) e = F()(e, x);
  out[4] = y + s.size();
}
//-
k<cuda::std::plus<>><<<1, 1>>>(out);

//! atomics of libcu++
#include <cuda/atomic>
__global__ void k(int* p) { cuda::atomic_ref<int, cuda::thread_scope_device> r(*p); r.fetch_add(2, cuda::std::memory_order_relaxed); }
//-
k<<<1, 32>>>((int*)out);

//! cub
#include <cub/block/block_reduce.cuh>
template <int N> __global__ void k(const float* in, float* out) {
  using Reduce = cub::BlockReduce<float, N>;
  __shared__ typename Reduce::TempStorage storage;
  float sum = Reduce(storage).Sum(in[threadIdx.x]);
  if (threadIdx.x == 0) *out = sum;
}
//-
k<128><<<1, 128>>>(a, out);

//! cub's warp reductions
#include <cub/warp/warp_reduce.cuh>
__global__ void k(float* out) {
  __shared__ cub::WarpReduce<float>::TempStorage s;
  *out = cub::WarpReduce<float>(s).Sum(out[threadIdx.x]);
}
//-
k<<<1, 32>>>(out);

//! the matrix units
#include <mma.h>
using namespace nvcuda;
__global__ void k(const half* a, float* out) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> x;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> y;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> c;
  wmma::fill_fragment(c, 0.0f);
  wmma::load_matrix_sync(x, a, 16);
  wmma::load_matrix_sync(y, a, 16);
  wmma::mma_sync(c, x, y, c);
  wmma::store_matrix_sync(out, c, 16, wmma::mem_row_major);
}
//-
k<<<1, 32>>>((const half*)a, out);

//! pipelines and barriers
#include <cuda_pipeline.h>
__global__ void k(const float* a, float* out) {
  __shared__ float s[32];
  __pipeline_memcpy_async(&s[threadIdx.x], a + threadIdx.x, 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  out[threadIdx.x] = s[31 - threadIdx.x];
}
//-
k<<<1, 32>>>(a, out);

//! intrinsics without a header
__global__ void k(int* out, unsigned n) {
  int lane = threadIdx.x % warpSize;
  out[lane] = __popc(n) + __clz(n) + __ffs(n) + __brev(n) + __umulhi(n, 3) + __byte_perm(n, 1, 0x3210) + __funnelshift_l(n, n, 3);
  out[1] = __any_sync(~0u, n) + __all_sync(~0u, n) + __activemask() + __match_any_sync(~0u, n) + __reduce_add_sync(~0u, n);
  atomicCAS(out, 1, 2), atomicExch(out, 3), atomicMin(out, 4), atomicOr(out, 5), atomicInc((unsigned*)out, 6), atomicSub(out, 2);
  __threadfence(), __threadfence_block(), __syncwarp(), __nanosleep(3);
  out[2] = __syncthreads_count(n) + __dp4a(1, 2, 3) + __float2int_rn(2.5f) + __double2int_rz(2.5) + __float_as_uint(1.f);
  out[3] = clock64() + __isGlobal(out) + __shfl_sync(~0u, lane, 0) + __shfl_up_sync(~0u, 2.0, 1, 16) + __vadd4(n, n) + __mul24(2, 3);
  float4 v = make_float4(1, 2, 3, 4);
  double2 d{1, 2};
  out[4] = v.x + d.y + __fadd_rn(1, 2) + __dmul_rn(1, 2) + atomicAdd((float*)out + 5, 1.f) + atomicAdd((double*)out + 8, 1.0);
  __builtin_assume(n > 3), __builtin_unreachable();
}
//-
k<<<1, 32>>>((int*)out, n);

//! memory on the device
__global__ void k(float* out, int n) {
  float* p = (float*)malloc(n * sizeof(float));
  memset(p, 0, n * 4);
  memcpy(out, p, 16);
  free(p);
  struct Node { Node* next; int v; };
  Node* list = new Node{nullptr, 3};
  out[1] = list->v;
  delete list;
  float* array = new float[n];
  out[2] = array[0];
  delete[] array;
  int* space = (int*)alloca(16);
  out[3] = space[0];
}
//-
k<<<1, 1>>>(out, n);

//! a header of POSIX
#include <unistd.h>
#include <sys/types.h>
#include <time.h>
#include <string.h>
#include <stdlib.h>
__global__ void k(float* out, ssize_t n) { *out = n; }
//-
char text[8];
memset(text, 'x', sizeof text), text[7] = 0;
k<<<strlen(text), atoi("5")>>>(out, sizeof(pid_t) + sizeof(time_t) + strcmp(text, "a") + abs(-3));

//! streams
#include <iostream>
#include <sstream>
__global__ void k(float* out, int n) { *out = n; }
struct Shape { int x; friend std::ostream& operator<<(std::ostream& s, const Shape& v) { return s << "<<<" << v.x << ">>>"; } };
//-
std::ostringstream s;
s << n << 1 << Shape{3} << std::hex << "<<<";
k<<<s.str().size(), 1>>>(out, n << 1 << 2);
if (n < 0) std::cerr << "k<<<1, 1>>>" << std::endl;

//! maps and sets
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <string>
__global__ void k(float* out, int n) { *out = n; }
//-
std::map<int, float> ordered;
std::unordered_map<std::string, int> named{{"<<<", 3}};
std::multimap<int, int> many;
ordered[3] = 1.5f, ordered[n] += 2;
named["k"] = 4, named[">>>"]++;
many.insert({n, 2}), many.emplace(n, 3);
ordered.try_emplace(7, 2.f), ordered.erase(3);
std::set<int> distinct{3, 1, 2, 3};
std::unordered_set<long> hashed(distinct.begin(), distinct.end());
distinct.insert(n), hashed.insert(9l);
k<<<ordered.size(), named["k"]>>>(out, named.at("<<<"));
k<<<many.count(n), distinct.size()>>>(out, hashed.size() + *distinct.lower_bound(2));
if (auto found = named.find(">>>"); found != named.end()) k<<<1, found->second>>>(out, n);

//! vectors, lists and queues that grow and shrink
#include <deque>
#include <list>
#include <queue>
#include <stack>
#include <vector>
#include <bitset>
__global__ void k(float* out, int n) { *out = n; }
struct Shape { int x, y; Shape(int x, int y) : x(x), y(y) {} };
//-
std::vector<int> v;
v.reserve(3), v.push_back(1), v.insert(v.begin(), 2), v.insert(v.end(), 3, 7), v.resize(9, 4), v.erase(v.begin() + 1), v.assign(4, 5);
v.insert(v.begin() + 1, {8, 9}), v.shrink_to_fit(), v.pop_back();
std::vector<Shape> shapes;
shapes.emplace_back(1, 2), shapes.emplace(shapes.begin(), 3, 4), shapes.push_back({5, 6});
std::vector<bool> flags(70, true);
flags.push_back(false), flags[3] = false, flags.flip();
std::deque<int> d{1, 2};
d.push_front(3), d.insert(d.begin() + 1, 4), d.pop_back();
std::list<int> l{3, 1, 2};
l.sort(), l.push_back(5), l.remove(1), l.reverse(), l.splice(l.begin(), std::list<int>{6});
std::priority_queue<int> q;
q.push(n), q.push(3), q.pop();
std::stack<int> s;
s.push(4);
std::queue<int> line;
line.push(2);
std::bitset<90> bits(n);
bits.set(80);
k<<<v.size(), shapes.front().x>>>(out, shapes.back().y);
k<<<d.front(), l.front()>>>(out, q.top());
k<<<s.top(), line.back()>>>(out, bits.count() + flags[4]);

//! strings
#include <string>
#include <string_view>
#include <sstream>
#include <iomanip>
__global__ void k(float* out, int n) { *out = n; }
//-
std::string s = "k<<<1, 1>>>(out);";
s.insert(1, "ernel").replace(0, 1, "K").append(3, '!').erase(2, 1), s += std::to_string(n) + "x";
std::string_view view = s;
std::ostringstream stream;
stream << std::setw(5) << std::setfill('0') << n << std::boolalpha << true << std::setprecision(3) << 1.5 << s.substr(2, 3);
std::istringstream input("3 4.5 word");
int x;
double y;
std::string word, line;
input >> x >> y >> word;
std::getline(std::istringstream("a b\nc") >> std::ws, line);
k<<<s.size(), view.find("<<<")>>>(out, std::stoi("12") + s.rfind('>'));
k<<<x, int(y)>>>(out, word.compare("word") + line.length() + stream.str().size() + (s < word) + (view == s));

//! algorithms
#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>
#include <random>
#include <vector>
__global__ void k(float* out, int n) { *out = n; }
//-
std::vector<int> v(40);
std::iota(v.begin(), v.end(), -3);
std::mt19937 random(3);
std::shuffle(v.begin(), v.end(), random);
std::sort(v.begin(), v.end(), std::greater<int>()), std::stable_sort(v.rbegin(), v.rend());
std::nth_element(v.begin(), v.begin() + 5, v.end()), std::partial_sort(v.begin(), v.begin() + 3, v.end());
std::make_heap(v.begin(), v.end()), std::pop_heap(v.begin(), v.end()), std::rotate(v.begin(), v.begin() + 2, v.end());
auto last = std::unique(v.begin(), v.end());
v.erase(std::remove_if(v.begin(), last, [](int x) { return x % 2; }), v.end());
std::vector<long> w;
std::transform(v.begin(), v.end(), std::back_inserter(w), [&](int x) { return x + n; });
std::uniform_int_distribution<int> uniform(1, 4);
k<<<v.size(), uniform(random)>>>(out, std::inner_product(v.begin(), v.end(), w.begin(), 0) + std::count(v.begin(), v.end(), 2));
k<<<1, std::lower_bound(w.begin(), w.end(), 5) - w.begin() + 1>>>(out, std::gcd(12, n) + std::reduce(w.begin(), w.end()));
std::reverse(w.begin(), w.end()), std::next_permutation(w.begin(), w.end()), std::partial_sum(w.begin(), w.end(), w.begin());
k<<<1, 2>>>(out, *std::minmax_element(w.begin(), w.end()).first + std::all_of(w.begin(), w.end(), [](long x) { return x > 0; }));

//! pointers, times and errors
#include <chrono>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <typeinfo>
#include <typeindex>
#include <any>
#include <atomic>
#include <vector>
struct Base { virtual ~Base() = default; virtual int width() const { return 3; } };
struct Derived : Base { int width() const override { return 4; } };
__global__ void k(float* out, int n) { *out = n; }
//-
std::shared_ptr<Base> shared = std::make_shared<Derived>();
std::weak_ptr<Base> weak = shared;
std::unique_ptr<int[]> array(new int[3]{1, 2, 3});
std::any anything = 5;
std::atomic<int> counter{n};
auto span = std::chrono::milliseconds(1500) + std::chrono::seconds(2);
k<<<shared->width(), dynamic_cast<Derived&>(*weak.lock()).width()>>>(out, array[2] + std::any_cast<int>(anything));
k<<<1, std::chrono::duration_cast<std::chrono::seconds>(span).count()>>>(out, counter.fetch_add(2) + counter.load() + (typeid(*shared) == typeid(Derived)));
try { std::vector<int>().at(3); } catch (const std::out_of_range& e) { k<<<1, 2>>>(out, 1); }
try { throw std::system_error(std::make_error_code(std::errc::invalid_argument)); } catch (const std::exception& e) { k<<<1, 3>>>(out, 2); }

//! complex numbers
#include <complex>
#include <cuComplex.h>
__global__ void k(cuFloatComplex* out, double x) { *out = cuCmulf(*out, make_cuFloatComplex(x, cuCrealf(out[1]))); }
//-
std::complex<double> z(n, 2), w = z * z + std::exp(std::complex<double>(0, 1)) / z;
k<<<1, 1>>>((cuFloatComplex*)out, w.real() + std::abs(z) + std::norm(w) + std::arg(z) + std::conj(w).imag() + std::polar(1.0, 2.0).real());

//! a map that makes what it is asked for
#include <map>
__global__ void k(float* out, int n) { *out = n; }
//-
std::map<int, int> blocks;
blocks[3] = 4;
for (auto [grid, block] : blocks) k<<<grid, block>>>(out, n);
k<<<1, 1>>>(out, blocks[n]);

//! a pair that is made of tuples
#include <tuple>
#include <utility>
__global__ void k(float* out, int n) { *out = n; }
//-
std::pair<int, float> p(std::piecewise_construct, std::make_tuple(3), std::make_tuple(2.f));
k<<<p.first, 1>>>(out, p.second);

//! streams of the process
#include <iostream>
__global__ void k(float* out, int n) { *out = n; }
//-
std::cout << "k<<<" << n << ", " << 1.5 << ">>>" << std::endl;
std::cerr << std::hex << n << '\n';
k<<<1, std::cout.good() ? 2 : 3>>>(out, n);
