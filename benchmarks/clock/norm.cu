// Layer norms: each row of `channels` floats gets mean 0 and variance 1, then a scale and a shift per channel. What
// was subtracted and what was multiplied by is kept.

constexpr int WARP = 32;

// All lanes have the result.
__device__ float warp_sum(float value)
{
#pragma unroll
    for (int step = WARP / 2; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
    return value;
}

// A row per block. Mean and variance come from one pass, by sums of x and x * x; the second pass reads x again.
extern "C" __global__ void norm_by_blocks(float* __restrict__ out, float* __restrict__ mean, float* __restrict__ scale,
                                          const float* __restrict__ in, const float* __restrict__ weight,
                                          const float* __restrict__ bias, int, int channels)
{
    __shared__ float of_warp[WARP], of_warp_squared[WARP];
    const int lane = threadIdx.x % WARP, row = blockIdx.x;
    const float* x = in + row * channels;
    float sum = 0, squared = 0;
    for (int i = threadIdx.x; i < channels; i += blockDim.x) {
        sum += x[i];
        squared += x[i] * x[i];
    }
    of_warp[threadIdx.x / WARP] = warp_sum(sum);
    of_warp_squared[threadIdx.x / WARP] = warp_sum(squared);
    __syncthreads();
    sum = lane < blockDim.x / WARP ? of_warp[lane] : 0;
    squared = lane < blockDim.x / WARP ? of_warp_squared[lane] : 0;
    const float m = warp_sum(sum) / channels;
    const float s = rsqrtf(warp_sum(squared) / channels - m * m + 1e-5f);
    if (threadIdx.x == 0) {
        __stcs(mean + row, m);
        __stcs(scale + row, s);
    }
    for (int i = threadIdx.x; i < channels; i += blockDim.x)
        __stcs(out + row * channels + i, s * (__ldcs(x + i) - m) * weight[i] + bias[i]);
}

__device__ float& at(float4& v, int k)
{
    return reinterpret_cast<float*>(&v)[k];
}

// A row per warp, read once, 16 bytes per lane, and kept in shared memory, where the block also keeps weight and bias.
extern "C" __global__ void norm_by_warps(float* __restrict__ out, float* __restrict__ mean, float* __restrict__ scale,
                                         const float* __restrict__ in, const float* __restrict__ weight,
                                         const float* __restrict__ bias, int rows, int channels)
{
    extern __shared__ float4 shared[];
    const int vectors = channels / 4;
    float4 *const weights = shared, *const biases = shared + vectors;
    float4* const held = shared + (2 + threadIdx.y) * vectors;
    for (int i = threadIdx.x + WARP * threadIdx.y; i < vectors; i += blockDim.y * WARP) {
        weights[i] = reinterpret_cast<const float4*>(weight)[i];
        biases[i] = reinterpret_cast<const float4*>(bias)[i];
    }
    __syncthreads();
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const float* x = in + row * channels;
    float* y = out + row * channels;

    float sum = 0;
    for (int c = threadIdx.x * 4; c < channels; c += WARP * 4) {
        float4 v = __ldcs(reinterpret_cast<const float4*>(x + c));
        for (int k = 0; k < 4; k++) sum += at(v, k);
        held[c / 4] = v;
    }
    const float m = warp_sum(sum) / channels;
    float squared = 0;
    for (int c = threadIdx.x * 4; c < channels; c += WARP * 4) {
        float4 v = held[c / 4];
        for (int k = 0; k < 4; k++) squared += (at(v, k) - m) * (at(v, k) - m);
    }
    const float s = rsqrtf(warp_sum(squared) / channels + 1e-5f);
    for (int c = threadIdx.x * 4; c < channels; c += WARP * 4) {
        float4 v = held[c / 4], w = weights[c / 4], b = biases[c / 4];
        for (int k = 0; k < 4; k++) at(v, k) = s * (at(v, k) - m) * at(w, k) + at(b, k);
        __stcs(reinterpret_cast<float4*>(y + c), v);
    }
    if (threadIdx.x == 0) {
        __stcs(mean + row, m);
        __stcs(scale + row, s);
    }
}
