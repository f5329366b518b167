// Norms, softmax and attention.
#include <cuda_fp16.h>

__device__ float warp_all(float v, bool largest) {
    for (int step = 16; step > 0; step >>= 1) {
        const float other = __shfl_xor_sync(0xffffffffu, v, step);
        v = largest ? fmaxf(v, other) : v + other;
    }
    return v;
}

__device__ float block_all(float v, bool largest, float* scratch) {
    v = warp_all(v, largest);
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
    __syncthreads();
    v = threadIdx.x % 32 < blockDim.x / 32 ? scratch[threadIdx.x % 32] : (largest ? -INFINITY : 0.0f);
    v = warp_all(v, largest);
    __syncthreads();
    return v;
}

// One thread per row.
__global__ void softmax_naive(const float* x, float* y, int rows, int cols) {
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float top = -INFINITY, sum = 0.0f;
    for (int c = 0; c < cols; ++c) top = fmaxf(top, x[row * cols + c]);
    for (int c = 0; c < cols; ++c) sum += expf(x[row * cols + c] - top);
    for (int c = 0; c < cols; ++c) y[row * cols + c] = expf(x[row * cols + c] - top) / sum;
}

__global__ void softmax_block(const float* x, float* y, int rows, int cols) {
    extern __shared__ float row[];
    __shared__ float scratch[32];
    x += blockIdx.x * cols;
    y += blockIdx.x * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        row[c] = x[c];
        top = fmaxf(top, row[c]);
    }
    top = block_all(top, true, scratch);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        row[c] = __expf(row[c] - top);
        sum += row[c];
    }
    sum = block_all(sum, false, scratch);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) y[c] = row[c] / sum;
}

// One pass for maximum and sum, one warp per row.
__global__ void softmax_online(const float* x, float* y, int rows, int cols) {
    const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
    if (row >= rows) return;
    float top = -INFINITY, sum = 0.0f;
    for (int c = lane; c < cols; c += 32) {
        const float v = x[row * cols + c], higher = fmaxf(top, v);
        sum = sum * expf(top - higher) + expf(v - higher);
        top = higher;
    }
    for (int step = 16; step > 0; step >>= 1) {
        const float other_top = __shfl_xor_sync(0xffffffffu, top, step);
        const float other_sum = __shfl_xor_sync(0xffffffffu, sum, step);
        const float higher = fmaxf(top, other_top);
        sum = (top == higher ? sum : sum * expf(top - higher)) +
              (other_top == higher ? other_sum : other_sum * expf(other_top - higher));
        top = higher;
    }
    for (int c = lane; c < cols; c += 32) y[row * cols + c] = expf(x[row * cols + c] - top) / sum;
}

__global__ void layernorm_two_pass(const float* x, const float* w, const float* b, float* y, int rows, int cols) {
    __shared__ float scratch[32];
    x += blockIdx.x * cols;
    float sum = 0.0f, squares = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) sum += x[c];
    const float mean = block_all(sum, false, scratch) / cols;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) squares += (x[c] - mean) * (x[c] - mean);
    const float scale = rsqrtf(block_all(squares, false, scratch) / cols + 1e-5f);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) y[blockIdx.x * cols + c] = (x[c] - mean) * scale * w[c] + b[c];
}

// Welford's running mean and variance, joined over the lanes of a warp; one warp per row.
__global__ void layernorm_welford(const float* x, const float* w, const float* b, float* y, int rows, int cols) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    x += row * cols;
    float mean = 0.0f, m2 = 0.0f, count = 0.0f;
    for (int c = lane; c < cols; c += 32) {
        count += 1.0f;
        const float delta = x[c] - mean;
        mean += delta / count;
        m2 += delta * (x[c] - mean);
    }
    for (int step = 16; step > 0; step >>= 1) {
        const float mean2 = __shfl_down_sync(0xffffffffu, mean, step), m22 = __shfl_down_sync(0xffffffffu, m2, step);
        const float count2 = __shfl_down_sync(0xffffffffu, count, step), all = count + count2;
        if (all > 0.0f) {
            const float delta = mean2 - mean;
            mean += delta * count2 / all;
            m2 += m22 + delta * delta * count * count2 / all;
            count = all;
        }
    }
    mean = __shfl_sync(0xffffffffu, mean, 0);
    const float scale = rsqrtf(__shfl_sync(0xffffffffu, m2, 0) / cols + 1e-5f);
    for (int c = lane; c < cols; c += 32) y[row * cols + c] = (x[c] - mean) * scale * w[c] + b[c];
}

__global__ void rmsnorm(const float* x, const float* w, float* y, int rows, int cols) {
    __shared__ float scratch[32];
    const float4* x4 = reinterpret_cast<const float4*>(x + blockIdx.x * cols);
    const float4* w4 = reinterpret_cast<const float4*>(w);
    float4* y4 = reinterpret_cast<float4*>(y + blockIdx.x * cols);
    float sum = 0.0f;
    for (int c = threadIdx.x; c < cols / 4; c += blockDim.x) {
        const float4 v = x4[c];
        sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
    }
    const float scale = rsqrtf(block_all(sum, false, scratch) / cols + 1e-6f);
    for (int c = threadIdx.x; c < cols / 4; c += blockDim.x) {
        const float4 v = x4[c], g = w4[c];
        y4[c] = make_float4(v.x * scale * g.x, v.y * scale * g.y, v.z * scale * g.z, v.w * scale * g.w);
    }
}

__global__ void rmsnorm_half(const __half2* x, const __half2* w, __half2* y, int pairs) {
    __shared__ float scratch[32];
    float sum = 0.0f;
    for (int c = threadIdx.x; c < pairs; c += blockDim.x) {
        const float2 v = __half22float2(x[blockIdx.x * pairs + c]);
        sum += v.x * v.x + v.y * v.y;
    }
    const float scale = rsqrtf(block_all(sum, false, scratch) / (2 * pairs) + 1e-6f);
    for (int c = threadIdx.x; c < pairs; c += blockDim.x) {
        const float2 v = __half22float2(x[blockIdx.x * pairs + c]);
        y[blockIdx.x * pairs + c] = __hmul2(__floats2half2_rn(v.x * scale, v.y * scale), w[c]);
    }
}

// Tiles of keys and values go through shared memory; maximum and sum of each row are kept up to date.
template <int D, int Rows, int Cols>
__device__ void attend(const float* Q, const float* K, const float* V, float* O, int n, float scale, bool causal) {
    __shared__ float Ks[Cols][D + 1], Vs[Cols][D];
    const size_t head = blockIdx.y * static_cast<size_t>(n) * D;
    const int row = blockIdx.x * Rows + threadIdx.x;
    float q[D], o[D] = {}, top = -INFINITY, sum = 0.0f;
    if (row < n)
        for (int d = 0; d < D; ++d) q[d] = Q[head + row * D + d] * scale;
    const int end = causal ? min(n, (static_cast<int>(blockIdx.x) + 1) * Rows) : n;
    for (int base = 0; base < end; base += Cols) {
        for (int i = threadIdx.x; i < Cols * D; i += Rows) {
            const int c = i / D, d = i % D;
            Ks[c][d] = base + c < n ? K[head + (base + c) * D + d] : 0.0f;
            Vs[c][d] = base + c < n ? V[head + (base + c) * D + d] : 0.0f;
        }
        __syncthreads();
        if (row < n) {
            float s[Cols], higher = top;
#pragma unroll
            for (int c = 0; c < Cols; ++c) {
                float dot = 0.0f;
#pragma unroll
                for (int d = 0; d < D; ++d) dot += q[d] * Ks[c][d];
                s[c] = base + c < n && (!causal || base + c <= row) ? dot : -INFINITY;
                higher = fmaxf(higher, s[c]);
            }
            const float shrink = __expf(top - higher);
            sum *= shrink;
#pragma unroll
            for (int d = 0; d < D; ++d) o[d] *= shrink;
#pragma unroll
            for (int c = 0; c < Cols; ++c) {
                const float p = __expf(s[c] - higher);
                sum += p;
#pragma unroll
                for (int d = 0; d < D; ++d) o[d] += p * Vs[c][d];
            }
            top = higher;
        }
        __syncthreads();
    }
    if (row < n)
        for (int d = 0; d < D; ++d) O[head + row * D + d] = o[d] / sum;
}

__global__ void flash_attention(const float* Q, const float* K, const float* V, float* O, int n, float scale) {
    attend<16, 64, 8>(Q, K, V, O, n, scale, false);
}

__global__ void flash_attention_causal(const float* Q, const float* K, const float* V, float* O, int n, float scale) {
    attend<16, 64, 8>(Q, K, V, O, n, scale, true);
}
