// Kernels that show, or must not show, the order in which warps and blocks run.
extern "C" __global__ void block_tickets(unsigned* next, unsigned* taken) {
    taken[blockIdx.x] = atomicAdd(next, 1u);
}
extern "C" __global__ void warp_tickets(unsigned* taken) {
    __shared__ unsigned next;
    if (threadIdx.x == 0) next = 0;
    __syncthreads();
    if (threadIdx.x % 32 == 0) taken[threadIdx.x / 32] = atomicAdd(&next, 1u);
}
// Each thread draws a ticket per turn of a loop and the last thread keeps its last.
extern "C" __global__ void turns(unsigned* next, unsigned* last, int n) {
    unsigned ticket = 0;
    for (int i = 0; i < n; i++) ticket = atomicAdd(next, 1u);
    if (threadIdx.x == 31) last[blockIdx.x] = ticket;
}
// A prefix sum whose blocks wait for their predecessors.
extern "C" __global__ void look_back(const int* x, int* sums, volatile int* ready) {
    int mine = x[blockIdx.x];
    if (blockIdx.x > 0) {
        while (ready[blockIdx.x - 1] == 0) {}
        __threadfence();
        mine += *(volatile int*)&sums[blockIdx.x - 1];
    }
    sums[blockIdx.x] = mine;
    __threadfence();
    ready[blockIdx.x] = 1;
}
// Every thread of every warp takes one lock.
extern "C" __global__ void spin_lock(int* lock, int* count) {
    for (bool done = false; !done;) {
        if (atomicCAS(lock, 0, 1) == 0) {
            __threadfence();
            *(volatile int*)count += 1;
            __threadfence();
            atomicExch(lock, 0);
            done = true;
        }
    }
}
extern "C" __global__ void deadlocked(volatile int* flag, int* y) {
    if (threadIdx.x / 32 == blockIdx.x % 2) while (*flag == 0) {}
    __syncthreads();
    *y = 1;
}
extern "C" __global__ void nothing() {}
// Work of several kinds whose blocks know nothing of each other; uneven, with barriers, shared atomics and divergence.
extern "C" __global__ void independent(const float* x, float* y, int n) {
    __shared__ float s[64];
    __shared__ int count;
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    if (t == 0) count = 0;
    s[t] = x[i % n];
    __syncthreads();
    float sum = 0;
    for (int k = 0; k < (int)blockIdx.x % 97 + t % 5; k++) sum += s[(t + k) % 64] * x[(i + k) % n];
    if (sum > 40) atomicAdd(&count, 1);
    __syncthreads();
    y[i] = sum + count;
}
