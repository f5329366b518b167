// Divergence, barriers, exchange between lanes, atomics, progress.
#include <cstdio>
#include <cuda_fp16.h>

struct Box {
    int count;
    float scale[3];
    float* target;
};

__constant__ float weights[8] = {1, 2, 4, 8, 16, 32, 64, 128};
__constant__ int filled_by_host[4];
__device__ int tickets;
__device__ int state[1024];
__device__ float table[4] = {0.5f, 1.5f, 2.5f, 3.5f};
__device__ float* table_address = table + 1;

extern "C" __global__ void nested(const int* x, int* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int v = x[i], r = 0;
    if (v % 2) {
        if (v % 3) r = v * 3; else r = v - 7;
        if (v > 50) for (int k = 0; k < v % 7; k++) r += k * (k % 2 ? 1 : -v);
    } else {
        while (v > 1) { v /= 3; r++; if (r > 5) break; if (v == 4) continue; r += 2; }
        switch (v) { case 0: r += 100; break; case 1: r += 200; case 2: r += 300; break; default: r = -r; }
    }
    out[i] = r;
}

extern "C" __global__ void collatz(const int* x, int* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        long long v = x[i];
        int steps = 0;
        while (v != 1) { v = v % 2 ? 3 * v + 1 : v / 2; steps++; }
        out[i] = steps;
    }
}

extern "C" __global__ void big_switch(const int* x, int* out, int n) {
    int i = threadIdx.x;
    int r;
    switch (x[i]) {
    case 0: r = 10; break;
    case 1: r = x[i + n] * 3; break;
    case 2: r = x[i + n] + 5; break;
    case 3: r = x[i + n] ^ 77; break;
    case 4: r = -x[i + n]; break;
    case 5: r = x[i + n] / 3; break;
    case 6: r = __popc(x[i + n]); break;
    case 7: r = 42; break;
    default: r = -1;
    }
    out[i] = r;
}

extern "C" __global__ void block_sum(const float* x, float* out, int n) {
    extern __shared__ float buffer[];
    int t = threadIdx.x;
    float s = 0;
    for (int i = blockIdx.x * blockDim.x + t; i < n; i += gridDim.x * blockDim.x) s += x[i];
    buffer[t] = s;
    __syncthreads();
    for (int k = blockDim.x / 2; k > 0; k /= 2) {
        if (t < k) buffer[t] += buffer[t + k];
        __syncthreads();
    }
    if (t == 0) out[blockIdx.x] = buffer[0];
}

extern "C" __global__ void warp_sum(const float* x, float* out) {
    __shared__ float part[32];
    float v = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (int k = 16; k; k /= 2) v += __shfl_xor_sync(~0u, v, k);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    if (threadIdx.x < 32) {
        v = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0;
        for (int k = 16; k; k /= 2) v += __shfl_down_sync(~0u, v, k);
        if (threadIdx.x == 0) out[blockIdx.x] = v;
    }
}

extern "C" __global__ void lanes(const int* x, int* out) {
    int t = threadIdx.x, v = x[t];
    int* row = out + t;
    int w = blockDim.x;
    row[0 * w] = __shfl_sync(~0u, v, 5);
    row[1 * w] = __shfl_sync(~0u, v, v & 31);
    row[2 * w] = __shfl_up_sync(~0u, v, 3);
    row[3 * w] = __shfl_down_sync(~0u, v, 2, 8);
    row[4 * w] = __shfl_xor_sync(~0u, v, 9);
    row[5 * w] = __shfl_up_sync(~0u, v, v & 7, 16);
    row[6 * w] = __ballot_sync(~0u, v & 1);
    row[7 * w] = __any_sync(~0u, v > 1000) * 2 + __all_sync(~0u, v > -1000);
    row[8 * w] = __match_any_sync(~0u, v & 3);
    int same;
    row[9 * w] = __match_all_sync(~0u, v, &same) * 2 + same;
    row[10 * w] = __reduce_add_sync(~0u, v);
    row[11 * w] = __reduce_max_sync(~0u, v);
    row[12 * w] = __reduce_xor_sync(~0u, (unsigned)v);
    row[13 * w] = t % 2 ? __activemask() : 0;
    row[14 * w] = t & 8 ? __shfl_xor_sync(0xff00ff00u, v, 1) : __shfl_xor_sync(0x00ff00ffu, v, 2);
    row[15 * w] = __shfl_sync(~0u, (long long)v << 33, 7) >> 33;
}

extern "C" __global__ void late_lanes(const int* x, int* out) {
    int t = threadIdx.x, v = x[t];
    // Lanes come to the shuffle after different amounts of work.
    for (int k = 0; k < t % 5; k++) v = v * 3 + 1;
    if (t % 2) v += 7; else v -= 7;
    __syncwarp();
    out[t] = __shfl_xor_sync(~0u, v, 1);
}

extern "C" __global__ void named_barriers(const int* x, int* out) {
    __shared__ int buffer[128];
    int t = threadIdx.x;
    if (t < 64) {
        buffer[t] = x[t];
        asm volatile("bar.sync 1, 64;" ::: "memory");
        out[t] = buffer[63 - t];
    } else {
        asm volatile("bar.sync 2, 64;" ::: "memory");
        buffer[t] = x[t] * 2;
        asm volatile("bar.sync 2, 64;" ::: "memory");
        out[t] = buffer[191 - t];
    }
    out[t] += __syncthreads_count(x[t] > 10) + 1000 * __syncthreads_and(x[t] >= 0) + 10000 * __syncthreads_or(x[t] > 120);
}

extern "C" __global__ void producer(const int* x, int* out) {
    __shared__ int buffer[64];
    int t = threadIdx.x;
    if (t < 32) {
        buffer[t] = x[t] * 5;
        __threadfence_block();
        asm volatile("bar.arrive 3, 64;" ::: "memory");
    } else {
        asm volatile("bar.sync 3, 64;" ::: "memory");
        out[t - 32] = buffer[63 - t];
    }
}

extern "C" __global__ void early_exit(const int* x, int* out, int n) {
    __shared__ int buffer[256];
    int t = threadIdx.x;
    buffer[t] = x[t];
    if (t >= n) return;
    __syncthreads();
    out[t] = buffer[(t + 1) % n];
}

extern "C" __global__ void atomics(const int* x, int* out, float* sums, unsigned long long* wide, __half* halves) {
    __shared__ int local[4];
    int t = threadIdx.x, v = x[blockIdx.x * blockDim.x + t];
    if (t < 4) local[t] = 0;
    __syncthreads();
    atomicAdd(&local[v & 3], 1);
    __syncthreads();
    if (t < 4) atomicAdd(&out[t], local[t]);
    atomicMax(&out[4], v);
    atomicMin(&out[5], v);
    atomicXor(&out[6], v);
    atomicOr(&out[7], v);
    atomicAnd((unsigned*)&out[8], (unsigned)v);
    atomicInc((unsigned*)&out[9], 9);
    atomicDec((unsigned*)&out[10], 9);
    atomicCAS(&out[11], 0, v | 1);
    atomicExch(&out[12], 77);
    atomicSub(&out[13], 2);
    atomicAdd(&sums[0], 0.5f);
    atomicAdd((double*)(sums + 2), 0.25);
    atomicAdd(&wide[0], 1ull << 33);
    atomicMax(&wide[1], (unsigned long long)v << 20);
    atomicAdd(&halves[0], __float2half(0.25f));
    atomicAdd((__half2*)(halves + 2), __floats2half2_rn(1.0f, 2.0f));
    int old = atomicAdd(&out[14], 1);
    out[16 + old] = 1;
}

extern "C" __global__ void spin_lock(int* lock, int* counter) {
    // Each lane of a warp takes the lock in turn: the holder must get on while the others spin.
    while (atomicCAS(lock, 0, 1) != 0) {}
    __threadfence();
    *(volatile int*)counter = *(volatile int*)counter + 1;
    __threadfence();
    atomicExch(lock, 0);
}

extern "C" __global__ void look_back(const int* x, int* out, int* flags, int descending) {
    __shared__ int part[64];
    __shared__ int before;
    int t = threadIdx.x, b = descending ? gridDim.x - 1 - blockIdx.x : blockIdx.x;
    part[t] = x[b * 64 + t];
    __syncthreads();
    for (int k = 1; k < 64; k *= 2) {
        int v = t >= k ? part[t - k] : 0;
        __syncthreads();
        part[t] += v;
        __syncthreads();
    }
    if (t == 0) {
        before = 0;
        if (b > 0) {
            while (*(volatile int*)&flags[2 * b - 2] == 0) {}
            __threadfence();
            before = *(volatile int*)&flags[2 * b - 1];
        }
        *(volatile int*)&flags[2 * b + 1] = before + part[63];
        __threadfence();
        *(volatile int*)&flags[2 * b] = 1;
    }
    __syncthreads();
    out[b * 64 + t] = before + part[t];
}

extern "C" __global__ void last_block(const float* x, float* parts, float* out) {
    __shared__ int last;
    parts[blockIdx.x] = x[blockIdx.x] * 2;
    __threadfence();
    if (threadIdx.x == 0) last = atomicAdd(&tickets, 1) == gridDim.x - 1;
    __syncthreads();
    if (last && threadIdx.x == 0) {
        float s = 0;
        for (int i = 0; i < gridDim.x; i++) s += parts[i];
        out[0] = s;
    }
}

__device__ __noinline__ float polynomial(float x, int n) {
    float s = 0;
    for (int k = 0; k < n; k++) s = s * x + k;
    return s;
}

__device__ __noinline__ Box doubled(Box box) {
    box.count *= 2;
    for (int k = 0; k < 3; k++) box.scale[k] *= 2;
    return box;
}

__device__ __noinline__ void swap_values(int* a, int* b) { int t = *a; *a = *b; *b = t; }

extern "C" __global__ void calls(const float* x, float* out, Box box, int pick) {
    int i = threadIdx.x;
    float r = polynomial(x[i], i % 5);
    if (i % 2) r += polynomial(r, 3);
    Box big = doubled(box);
    int one = i, two = 100;
    swap_values(&one, &two);
    out[i] = r + big.count * box.scale[pick] + big.scale[(pick + i) % 3] + one - two;
    box.target[i] = weights[i % 8] + table[i % 4] + *table_address + filled_by_host[i % 4];
}

extern "C" __global__ void local_array(const int* x, int* out, int n) {
    int values[24];
    double pair[4] = {1, 2, 3, 4};
    int t = threadIdx.x;
    for (int k = 0; k < 24; k++) values[k] = x[t] * k;
    for (int k = 0; k < n; k++) values[x[(t + k) % 32] % 24] += k;
    int s = 0;
    for (int k = 0; k < 24; k++) s = s * 31 + values[(k * 7 + x[t]) % 24];
    out[t] = s + (int)pair[x[t] & 3];
}

extern "C" __global__ void local_bytes(const int* x, int* out) {
    unsigned char bytes[16];
    int t = threadIdx.x;
    for (int k = 0; k < 16; k++) bytes[(k + x[t]) % 16] = k + t;
    out[t] = bytes[x[t] % 16] + 256 * bytes[(x[t] + 9) % 16];
}

extern "C" __global__ void vectors(const float4* a, const short4* b, const uchar4* c, const double2* d, float4* out, int n) {
    __shared__ float4 tile[64];
    int i = threadIdx.x;
    float4 v = a[i];
    short4 s = b[i];
    uchar4 u = c[i];
    double2 w = d[i];
    tile[i] = make_float4(v.x + s.x, v.y + u.y, v.z + (float)w.x, v.w + s.w);
    __syncthreads();
    float4 r = tile[63 - i];
    r.x += u.w;
    out[i] = r;
    ((float2*)(out + 64))[i] = make_float2(r.z, r.w);
}

extern "C" __global__ void generic_pointers(const int* x, int* out) {
    __shared__ int shared_values[32];
    int local_values[2] = {3, 4};
    int t = threadIdx.x;
    shared_values[t] = x[t];
    __syncthreads();
    const int* p = t % 3 == 0 ? x + t : t % 3 == 1 ? shared_values + 31 - t : local_values + (t & 1);
    int v = *p;
    int space = (__isGlobal(p) ? 1 : 0) + (__isShared(p) ? 2 : 0) + (__isLocal(p) ? 4 : 0);
    out[t] = v * 10 + space;
    int* q = t % 2 ? shared_values + t : out + 32 + t;
    atomicAdd(q, 5);
    __syncthreads();
    out[64 + t] = shared_values[t];
}

extern "C" __global__ void specials(unsigned* out) {
    unsigned lane, lt, ge, warp, warps, dynamic;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    asm("mov.u32 %0, %%lanemask_lt;" : "=r"(lt));
    asm("mov.u32 %0, %%lanemask_ge;" : "=r"(ge));
    asm("mov.u32 %0, %%warpid;" : "=r"(warp));
    asm("mov.u32 %0, %%nwarpid;" : "=r"(warps));
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(dynamic));
    unsigned t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    unsigned b = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    unsigned* row = out + 8 * (b * blockDim.x * blockDim.y * blockDim.z + t);
    row[0] = lane; row[1] = lt; row[2] = ge; row[3] = warp; row[4] = dynamic;
    row[5] = threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z;
    row[6] = blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z;
    long long before = clock64();
    row[7] = clock64() > before && warps > 0;
}

extern "C" __global__ void scale(const float* x, float* scratch, float f) { scratch[threadIdx.x] = x[threadIdx.x] * f; }
extern "C" __global__ void total(const float* scratch, float* out, int n) {
    float s = 0;
    for (int i = 0; i < n; i++) s += scratch[i];
    *out += s;
}
extern "C" __global__ void count_up(int* out) { out[threadIdx.x] = ++state[threadIdx.x]; }
extern "C" __global__ void say(int n) { if (threadIdx.x == 0) printf("n is %d\n", n); }
