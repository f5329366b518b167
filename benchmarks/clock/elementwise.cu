// One result per element: products, sums, embeddings, GELU. ELEMENT is float or half.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// 16 bytes of T, which move as a whole.
template <typename T>
struct alignas(16) Pack {
    static constexpr int size = 16 / sizeof(T);
    T value[size];

    __device__ explicit Pack(int4 bits) { *reinterpret_cast<int4*>(this) = bits; }
    __device__ int4 bits() const { return *reinterpret_cast<const int4*>(this); }
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
struct Paired {
    using Type = T;
};
template <>
struct Paired<half> {
    using Type = half2;
};

// 16 bytes at a time, halves multiplied in pairs, in blocks that stride over the array; what is left goes one by one.
extern "C" __global__ void __launch_bounds__(256)
    multiply_packs(const int4* x, const int4* y, int4* z, long long packs, long long left)
{
    using Factors = Pack<Paired<ELEMENT>::Type>;
    const int thread = blockIdx.x * 256 + threadIdx.x;
    for (long long i = thread; i < packs; i += blockDim.x * gridDim.x) {
        Factors product(x[i]);
        const Factors by(y[i]);
#pragma unroll
        for (int k = 0; k < Factors::size; k++) product.value[k] *= by.value[k];
        z[i] = product.bits();
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
extern "C" __global__ void add_packs(const int4* a, const int4* b, int4* c, int n)
{
    const int i = thread_number();
    Pack<half2> sum(a[i]);
    const Pack<half2> right(b[i]);
#pragma unroll
    for (int k = 0; k < 4; k++) sum.value[k] = __hadd2(sum.value[k], right.value[k]);
    if (8 * i + 7 < n) c[i] = sum.bits();
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

template <typename Gelu>
__device__ void each_of_eight(int4* out, const int4* in, int n, Gelu gelu)
{
    const int i = thread_number();
    if (8 * i >= n) return;
    Pack<__nv_bfloat16> x(__ldcs(in + i));
#pragma unroll
    for (int k = 0; k < 8; k++) x.value[k] = __float2bfloat16(gelu(__bfloat162float(x.value[k])));
    out[i] = x.bits();
}

__device__ float inner(float x)
{
    return 0.7978845608f * (x + 0.044715f * x * x * x);  // sqrt(2 / pi)
}

extern "C" __global__ void gelu(int4* out, const int4* in, int n)
{
    each_of_eight(out, in, n, [](float x) { return 0.5f * x * (1 + tanhf(inner(x))); });
}

// The hardware's tanh, of 11 bits, in place of the library's.
extern "C" __global__ void gelu_approx(int4* out, const int4* in, int n)
{
    each_of_eight(out, in, n, [](float x) {
        float tanh;
        asm("tanh.approx.f32 %0, %1;" : "=f"(tanh) : "f"(inner(x)));
        return 0.5f * x * tanh + 0.5f * x;
    });
}
