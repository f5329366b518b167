// Calls that cannot be inlined, memory of the heap and the stack, and functions that CUDA defines.
#include <cassert>
#include <cstdio>
#include <new>

typedef int (*Function)(int, int);
__device__ __noinline__ int add(int a, int b) { return a + b; }
__device__ __noinline__ int multiply(int a, int b) { return a * b; }
__device__ __noinline__ int fold(int a, int b) {
    for (int i = 0; i < b % 7; i++) a = a * 3 - i;
    return a - b;
}
__device__ __noinline__ float other_signature(float a) { return a * 2; }
__device__ Function table[3] = {add, multiply, fold};
__device__ float (*other)(float) = other_signature;

extern "C" __global__ void from_table(const int* x, int* out) {
    int i = threadIdx.x;
    out[i] = table[x[i] % 3](x[i], i) + (int)other(x[i]);
}

extern "C" __global__ void chosen(const int* x, int* out, int k) {
    Function f = k ? add : multiply;
    int i = threadIdx.x;
    if (x[i] > 100) f = fold;
    if (x[i] % 5) out[i] = f(x[i], i);
}

extern "C" __global__ void through_any(unsigned long long pointer, int* out) { out[0] = ((Function)pointer)(3, 4); }  // line: through_any

struct Shape {
    __device__ virtual float area(float) const = 0;
    __device__ virtual float twice(float k) const { return area(k) + area(-k); }
    __device__ virtual ~Shape() {}
};
struct Square : Shape {
    float side;
    __device__ Square(float side) : side(side) {}
    __device__ float area(float k) const override { return side * side * k; }
};
struct Disc : Shape {
    float radius;
    __device__ Disc(float radius) : radius(radius) {}
    __device__ float area(float k) const override { return 3 * radius * radius + k; }
};
// A shape that asks another: a virtual call within a virtual call.
struct Pair : Shape {
    const Shape *one, *two;
    __device__ Pair(const Shape* one, const Shape* two) : one(one), two(two) {}
    __device__ float area(float k) const override { return one->area(k) * 10 + two->area(k + 1); }
};

extern "C" __global__ void shapes(const float* x, float* out) {
    int i = threadIdx.x;
    Square square(x[i]);
    Disc disc(x[i] + 1);
    Pair both(&square, &disc);
    Pair deep(&disc, &both);
    const Shape* all[] = {&square, &disc, &both, &deep};
    const Shape* one = all[(int)x[i] & 3];
    out[i] = one->area(i);
    out[32 + i] = one->twice(i);
}

extern "C" __global__ void made_and_deleted(const float* x, float* out) {
    int i = threadIdx.x;
    float s = 0;
    for (int round = 0; round < 2000; round++) {
        Shape* p;
        if (((int)x[i] + round) & 1) p = new Square(x[i]);
        else p = new Disc(x[i]);
        s += p->area(round);
        delete p;
    }
    out[i] = s;
}

__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
extern "C" __global__ void fibonaccis(const int* x, int* out) { out[threadIdx.x] = fibonacci(x[threadIdx.x]); }

__device__ int is_odd(int n);
__device__ __noinline__ int is_even(int n) { return n == 0 ? 1 : is_odd(n - 1); }
__device__ __noinline__ int is_odd(int n) { return n == 0 ? 0 : is_even(n - 1); }
extern "C" __global__ void parity(const int* x, int* out) {
    if (x[threadIdx.x] % 3) out[threadIdx.x] = is_even(x[threadIdx.x]);
}

// Arrays of one's own, pointers to the caller's, and work after both recursive calls.
__device__ void sort(int* data, int n, int* spare) {
    if (n < 2) return;
    int half = n / 2, i = 0, j = half, k = 0;
    int counts[4] = {0, 0, 0, 0};
    sort(data, half, spare);
    sort(data + half, n - half, spare);
    for (int m = 0; m < n; m++) counts[data[m] & 3]++;
    while (i < half || j < n) spare[k++] = j == n || (i < half && data[i] <= data[j]) ? data[i++] : data[j++];
    for (int m = 0; m < n; m++) data[m] = spare[m];
    if (counts[0] + counts[1] + counts[2] + counts[3] != n) data[0] = -1;
}
extern "C" __global__ void merge_sorts(const int* x, int* out, int n) {
    int mine[24], spare[24];
    n -= threadIdx.x % 8;
    for (int k = 0; k < n; k++) mine[k] = x[threadIdx.x * 24 + k];
    sort(mine, n, spare);
    for (int k = 0; k < n; k++) out[threadIdx.x * 24 + k] = mine[k];
}

extern "C" __global__ void heap(const int* x, int* out, int n) {
    int* p = (int*)malloc(n * sizeof(int));
    for (int k = 0; k < n; k++) p[k] = x[threadIdx.x] + k;
    int* q = new int[3];
    q[0] = p[n - 1], q[1] = 7, q[2] = p[0];
    free(p);
    out[threadIdx.x] = q[0] * q[1] + q[2];
    delete[] q;
    free(nullptr);
}
extern "C" __global__ void heap_over(int* out, int index) {
    int* p = (int*)malloc(40);
    p[index] = 1;
    out[0] = p[index];
}
extern "C" __global__ void freed_twice(int* out, int times) {
    int* p = (int*)malloc(40);
    for (int k = 0; k < times; k++) free(p);  // line: freed_twice
    out[0] = 1;
}
extern "C" __global__ void heap_full(unsigned long long* out) {
    int n = 0;
    while (malloc(1 << 20)) n++;
    out[0] = n, out[1] = (unsigned long long)malloc(9 << 20), out[2] = (unsigned long long)malloc(0);
}

__device__ __noinline__ int with_room(int n, int v) {
    int* p = (int*)__builtin_alloca(n * sizeof(int));
    for (int k = 0; k < n; k++) p[k] = v * k;
    int s = 0;
    for (int k = 0; k < n; k++) s = s * 3 + p[(k * 7) % n];
    return s;
}
extern "C" __global__ void room_on_the_stack(const int* x, int* out, int rounds) {
    int s = 0;
    for (int k = 0; k < rounds; k++) s += with_room(x[threadIdx.x] % 20 + 1, k);
    out[threadIdx.x] = s;
}

extern "C" __global__ void says(int* out) {
    out[0] = printf("nothing\n");
    out[1] = printf("%d%% of %s and %-*.3f\n", 3, "all", 5, 2.0);
}
extern "C" __global__ void asserts(const int* x) {
    assert(x[threadIdx.x] > 3 && "too small");  // line: asserts
}

// The warps read the timer one after another, in an order that the first word tells.
extern "C" __global__ void one_timer(unsigned long long* out) {
    __shared__ unsigned turn;
    if (threadIdx.x == 0) turn = 0;
    __syncthreads();
    if (threadIdx.x % 32) return;
    unsigned me = (threadIdx.x / 32 * 3 + 1) % 4;
    while (atomicAdd(&turn, 0) != me) {}
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(out[me]));
    atomicAdd(&turn, 1);
}

extern "C" __global__ void timers(unsigned long long* out) {
    unsigned long long a, b, c;
    if (threadIdx.x) return;
    asm volatile("mov.u64 %0, %%globaltimer; mov.u64 %1, %%clock64;" : "=l"(a), "=l"(b));
    for (int k = 0; k < 100; k++) out[0] = k, __nanosleep(5);
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(c));
    out[0] = c > a, out[1] = clock64() > b;
#define READ(k, name) asm volatile("{.reg .b32 r; mov.u32 r, %%" name "; cvt.u64.u32 %0, r;}" : "=l"(out[k]))
    READ(2, "clusterid.x"); READ(3, "nclusterid.x"); READ(4, "cluster_ctarank"); READ(5, "cluster_nctarank");
    READ(6, "cluster_ctaid.x"); READ(7, "cluster_nctaid.y"); READ(8, "total_smem_size"); READ(9, "dynamic_smem_size");
    READ(10, "nwarpid"); READ(11, "nsmid"); READ(12, "aggr_smem_size");
    asm volatile("{.reg .pred p; mov.pred p, %%is_explicit_cluster; selp.u64 %0, 1, 0, p;}" : "=l"(out[13]));
}
