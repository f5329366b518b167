// Pairs of kernels that differ in one line: one faults, the other does not.
#include <cassert>
#include <cuda_fp16.h>

extern "C" __global__ void past_end(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i];  // line 7
}
extern "C" __global__ void within_end(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
}
extern "C" __global__ void before_start(const float* x, float* y, int back) {
    y[threadIdx.x] = x[(int)threadIdx.x - back];  // line 14
}
extern "C" __global__ void misaligned(const float* x, float4* y, int offset) {
    y[threadIdx.x] = *(const float4*)(x + offset);  // line 17
}
extern "C" __global__ void writes_input(float* x, float* y) {
    y[threadIdx.x] = x[threadIdx.x];
    if (threadIdx.x == 3) x[5] = 1;  // line 21
}
extern "C" __global__ void null_pointer(const float* x, float* y) {
    y[threadIdx.x] = x[threadIdx.x];
}
extern "C" __global__ void shared_overflow(float* y, int shift) {
    __shared__ float s[64];
    s[threadIdx.x + shift] = 1;  // line 28
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void local_overflow(int* y, int far) {
    volatile int a[8];
    for (int k = 0; k < 8; k++) a[k] = k;
    y[threadIdx.x] = a[threadIdx.x % 8 + far];
}
extern "C" __global__ void reversed_race(const float* x, float* y) {
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = s[63 - threadIdx.x];  // line 40
}
extern "C" __global__ void reversed(const float* x, float* y) {
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s[63 - threadIdx.x];
}
extern "C" __global__ void overwrite_race(const float* x, float* y) {
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    float v = s[63 - threadIdx.x];
    s[threadIdx.x] = v * 2;  // line 53
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void overwrite(const float* x, float* y) {
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    float v = s[63 - threadIdx.x];
    __syncthreads();
    s[threadIdx.x] = v * 2;
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void same_value(float* y) {
    __shared__ float s;
    s = 3;
    __syncthreads();
    y[threadIdx.x] = s;
}
extern "C" __global__ void different_values(float* y) {
    __shared__ float s;
    s = threadIdx.x;
    __syncthreads();
    y[threadIdx.x] = s;  // line 77
}
extern "C" __global__ void neighbouring_bytes(unsigned char* y) {
    __shared__ unsigned char s[128];
    s[threadIdx.x] = threadIdx.x;
    y[threadIdx.x] = s[threadIdx.x];
}
extern "C" __global__ void warp_synchronous(const float* x, float* y) {
    __shared__ volatile float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    if (t < 32) {
        s[t] += s[t + 32]; s[t] += s[t + 16]; s[t] += s[t + 8]; s[t] += s[t + 4]; s[t] += s[t + 2]; s[t] += s[t + 1];
    }
    if (t == 0) *y = s[0];
}
extern "C" __global__ void flag_between_warps(const float* x, float* y) {
    __shared__ float value;
    __shared__ int flag;
    if (threadIdx.x == 0) flag = 0;
    __syncthreads();
    if (threadIdx.x == 32) {
        value = x[0];
        __threadfence_block();
        *(volatile int*)&flag = 1;
    }
    if (threadIdx.x == 0) {
        while (*(volatile int*)&flag == 0) {}
        __threadfence_block();
        *y = value;
    }
}
extern "C" __global__ void uninitialised(const float* x, float* y) {
    __shared__ float s[64];
    if (threadIdx.x < 60) s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s[63 - threadIdx.x];  // line 114
}
extern "C" __global__ void harmlessly_uninitialised(const float* x, float* y) {
    __shared__ float s[64];
    if (threadIdx.x < 60) s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    float v = *(volatile float*)&s[63 - threadIdx.x];
    y[threadIdx.x] = threadIdx.x > 3 ? v : 0;
}
extern "C" __global__ void divergent_barrier(float* y, int ok) {
    if (threadIdx.x % 2 && !ok) {
        y[threadIdx.x] = 1;
        __syncthreads();  // line 126
    } else {
        y[threadIdx.x] = 2;
        __syncthreads();  // line 129
        y[threadIdx.x] += 1;
    }
}
extern "C" __global__ void lonely_barrier(float* y, int threads) {
    if (threadIdx.x < 32) asm volatile("bar.sync 1, %0;" ::"r"(threads) : "memory");  // line 134
    y[threadIdx.x] = 1;
}
extern "C" __global__ void lonely_shuffle(int* y, unsigned members) {
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_xor_sync(members, (int)threadIdx.x, y[0] + 1);  // line 138
    else __syncthreads();
    y[threadIdx.x] += 1;
}
extern "C" __global__ void waits_forever(volatile int* flag, int* y) {
    while (*flag == 0) {}  // line 143
    *y = 1;
}
extern "C" __global__ void endless(int* y, int n) {
    volatile int k = n;
    while (n) { asm volatile(""); }  // line 148
    *y = k;
}
extern "C" __global__ void long_loop(int* y, int n) {
    int s = 0;
    for (int i = 0; i < n; i++) s = s * 7 + (s ^ i);
    *y = s;
}
extern "C" __global__ void asserts(int* y, int n) {
    assert(y[threadIdx.x] < n);  // line 157
    y[threadIdx.x] = 1;
}
extern "C" __global__ void traps(int* y, int n) {
    if ((int)threadIdx.x == n) __trap();  // line 161
    y[threadIdx.x] = 1;
}
extern "C" __global__ void texture(cudaTextureObject_t t, float* y) {
    y[threadIdx.x] = tex2D<float>(t, threadIdx.x, 0);  // line 165
}
extern "C" __global__ void __launch_bounds__(64) bounded(float* y) { y[threadIdx.x] = 1; }
extern "C" __global__ void recursive(int* y, int n);
__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
extern "C" __global__ void recursive(int* y, int n) { y[threadIdx.x] = fibonacci(n); }
extern "C" __global__ void wild_parameter(int* y) {
    int v;
    asm volatile("{ .reg .b64 p; mov.b64 p, wild_parameter_param_0; ld.param.u32 %0, [p+4096]; }" : "=r"(v));
    *y = v;
}
// The first read is harmless: its value is not used where nothing was written.
extern "C" __global__ void reads_twice(const float* x, float* y) {
    int t = threadIdx.x;
    float v = ((volatile float*)x)[t];
    y[t] = (t < 8 ? v : 0) + (t == 4 ? ((volatile float*)x)[36] : 0);  // line 180
}
extern "C" __global__ void adds_to_output(const float* x, float* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] += x[i];
}
extern "C" __global__ void adds_atomically(const float* x, float* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    atomicAdd(&y[i], x[i]);
}
extern "C" __global__ void adds_to_own(const float* x, float* y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = 0;
    atomicAdd(&y[i], x[i]);
    ((volatile float*)y)[i] += x[i];
}
__constant__ float table[8] = {1, 2, 3, 4, 5, 6, 7, 8};
extern "C" __global__ void constant_overflow(float* y, int far) {
    y[threadIdx.x] = table[threadIdx.x % 8 + far];  // line 198
}
extern "C" __global__ void unaligned_shared(float* y, int offset) {
    __shared__ double s[64];
    s[threadIdx.x] = threadIdx.x;
    y[threadIdx.x] = *(volatile double*)((char*)&s[threadIdx.x] + offset);  // line 203
}
