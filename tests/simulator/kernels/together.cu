// Warps that part and meet again, for test_together.py.

// A counter that is the same for all lanes until they leave the loop at different times.
__global__ void left_early(const int* limits, int* out, int rounds) {
    int n = 0, sum = 0;
    while (n < rounds && n < limits[threadIdx.x]) {
        sum += n * n;
        ++n;
    }
    for (int k = 0; k < rounds; ++k) sum += n ^ k;
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// Lanes part in every round, and meet again before they read what lies side by side.
__global__ void part_and_meet(const int* x, int* out, int rounds) {
    int sum = 0;
    for (int k = 0; k < rounds; ++k) {
        if ((threadIdx.x ^ k) % 3 == 0) sum += 7 * k;
        else if (threadIdx.x % 2) sum ^= k;
        sum += x[k * blockDim.x + threadIdx.x];
    }
    out[threadIdx.x] = sum;
}

// Neighbours but for where 32-bit indices wrap.
__global__ void wrapped(const int* x, int* out, unsigned start, int rounds) {
    for (int k = 0; k < rounds; ++k) {
        const unsigned i = (start + threadIdx.x + k) & 0xffffffffu;
        out[k * blockDim.x + threadIdx.x] = x[i < 4096u ? i : 4095u] + x[(i + 5) & 63];
    }
}

// From the end of a buffer on, lane by lane.
__global__ void tail(const int* x, int* out, int n) {
    for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = 2 * x[i];
}
