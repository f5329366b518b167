// One result per element: products, sums, embeddings, GELU. ELEMENT is float or half.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

template <typename T, int n>
struct alignas(sizeof(T) * n) Pack {
    T value[n];
};

__device__ int thread_number()
{
    return blockIdx.x * blockDim.x + threadIdx.x;
}

// ---------------------------------------------------------------------------------------------------------------------
// Products.

// An element per thread.
extern "C" __global__ void multiply(const ELEMENT* x, const ELEMENT* y, ELEMENT* z)
{
    const int i = thread_number();
    z[i] = x[i] * y[i];
}

template <typename T>
struct Sixteen {
    using Bytes = Pack<T, 16 / sizeof(T)>;
};
template <>
struct Sixteen<half> {
    using Bytes = Pack<half2, 4>;
};
using Bytes = Sixteen<ELEMENT>::Bytes;

// 16 bytes at a time, halves multiplied in pairs, in blocks that stride over the array; what is left goes one by one.
extern "C" __global__ void __launch_bounds__(256)
    multiply_packs(const Bytes* x, const Bytes* y, Bytes* z, int64_t packs, int64_t left)
{
    const int thread = blockIdx.x * 256 + threadIdx.x;
    for (int64_t i = thread; i < packs; i += blockDim.x * gridDim.x) {
        Bytes product = x[i];
        const Bytes by = y[i];
#pragma unroll
        for (int k = 0; k < sizeof product.value / sizeof *product.value; k++) product.value[k] *= by.value[k];
        z[i] = product;
    }
    if (thread < left)
        ((ELEMENT*)(z + packs))[thread] = ((const ELEMENT*)(x + packs))[thread] * ((const ELEMENT*)(y + packs))[thread];
}

// ---------------------------------------------------------------------------------------------------------------------
// Sums.

// An element per thread.
extern "C" __global__ void add(const ELEMENT* a, const ELEMENT* b, ELEMENT* c, int n)
{
    const int i = thread_number();
    if (i < n) c[i] = a[i] + b[i];
}

// Four floats per thread.
extern "C" __global__ void add_vectors(const float4* a, const float4* b, float4* c, int n)
{
    const int i = thread_number();
    if (4 * i >= n) return;
    const float4 left = a[i], right = b[i];
    c[i] = make_float4(left.x + right.x, left.y + right.y, left.z + right.z, left.w + right.w);
}

// Two halves per thread.
extern "C" __global__ void add_pairs(const half2* a, const half2* b, half2* c, int n)
{
    const int i = thread_number();
    if (2 * i >= n) return;
    const half2 left = a[i], right = b[i];
    c[i] = half2(left.x + right.x, left.y + right.y);
}

// Eight halves per thread, still loaded and stored by twos.
extern "C" __global__ void add_four_pairs(const half2* a, const half2* b, half2* c, int n)
{
    const int i = 8 * thread_number();
    half2 sum[4];
#pragma unroll
    for (int k = 0; k < 4; k++) {
        const half2 left = a[i / 2 + k], right = b[i / 2 + k];
        sum[k] = half2(left.x + right.x, left.y + right.y);
    }
#pragma unroll
    for (int k = 0; k < 4; k++)
        if (i + 2 * k < n) c[i / 2 + k] = sum[k];
}

// Eight halves per thread, loaded and stored at once.
extern "C" __global__ void add_packs(const Pack<half2, 4>* a, const Pack<half2, 4>* b, Pack<half2, 4>* c, int n)
{
    const int i = thread_number();
    Pack<half2, 4> sum = a[i];
    const Pack<half2, 4> right = b[i];
#pragma unroll
    for (int k = 0; k < 4; k++) sum.value[k] = __hadd2(sum.value[k], right.value[k]);
    if (8 * i + 7 < n) c[i] = sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// What a language model reads: of each token of `batches` texts of `length` tokens, the row of its number in one table
// and that of its place in another are added.

// An element per thread.
extern "C" __global__ void embed(float* out, const int* token, const float* words, const float* places, int batches,
                                 int length, int channels)
{
    const int i = thread_number();
    if (i >= batches * length * channels) return;
    const int text = i / channels / length, place = i / channels % length, channel = i % channels;
    const int word = token[text * length + place];
    out[text * length * channels + place * channels + channel] =
        words[word * channels + channel] + places[place * channels + channel];
}

// Four elements per thread.
extern "C" __global__ void embed_vectors(float4* out, const int* token, const float4* words, const float4* places,
                                         int batches, int length, int channels)
{
    const int i = thread_number(), vectors = channels / 4;
    if (i >= batches * length * vectors) return;
    const int text = i / vectors / length, place = i / vectors % length, vector = i % vectors;
    const int word = token[text * length + place];
    const float4 a = words[word * vectors + vector], b = places[place * vectors + vector];
    out[text * length * vectors + place * vectors + vector] = make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

// ---------------------------------------------------------------------------------------------------------------------
// GELU by its approximation with tanh, eight bfloat16 per thread.

using Eight = Pack<__nv_bfloat16, 8>;

template <typename Gelu>
__device__ void each_of_eight(Eight* out, const Eight* in, int n, Gelu gelu)
{
    const int i = thread_number();
    if (8 * i >= n) return;
    const int4 bits = __ldcs((const int4*)in + i);
    const Eight x = *(const Eight*)&bits;
    Eight y;
#pragma unroll
    for (int k = 0; k < 8; k++) y.value[k] = __float2bfloat16(gelu(__bfloat162float(x.value[k])));
    out[i] = y;
}

__device__ float inner(float x)
{
    return 0.7978845608f * (x + 0.044715f * x * x * x);  // sqrt(2 / pi)
}

extern "C" __global__ void gelu(Eight* out, const Eight* in, int n)
{
    each_of_eight(out, in, n, [](float x) { return 0.5f * x * (1 + tanhf(inner(x))); });
}

// The hardware's tanh, of 11 bits, in place of the library's.
extern "C" __global__ void gelu_approx(Eight* out, const Eight* in, int n)
{
    each_of_eight(out, in, n, [](float x) {
        float tanh;
        asm("tanh.approx.f32 %0, %1;" : "=f"(tanh) : "f"(inner(x)));
        return 0.5f * x * tanh + 0.5f * x;
    });
}
