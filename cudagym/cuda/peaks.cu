// What a card reaches when nothing but one pipe is busy: arithmetic on registers, with enough independent chains to hide
// every latency. They are launched by cudagym/cuda/peaks.py, not by `solve`.

constexpr int CHAINS = 8;

// 2 * CHAINS floating-point operations per thread and round.
extern "C" __global__ void __launch_bounds__(256) fma_fp32(float* out, int rounds) {
    float a[CHAINS], x = threadIdx.x * 1e-7f, y = 1.0f - 1e-7f;
    for (int i = 0; i < CHAINS; ++i) a[i] = i;
    for (int n = 0; n < rounds; ++n)
#pragma unroll
        for (int i = 0; i < CHAINS; ++i) a[i] = fmaf(a[i], y, x);
    float sum = 0;
    for (int i = 0; i < CHAINS; ++i) sum += a[i];
    if (sum == -1.0f) out[0] = sum;  // never, which the compiler cannot know
}

// 2 * 16 * 8 * 16 * CHAINS operations per warp and round (PTX ISA 9.0, "mma": m16n8k16, f16 inputs, f32 accumulators).
extern "C" __global__ void __launch_bounds__(256) mma_fp16(float* out, int rounds) {
#if __CUDA_ARCH__ >= 800
    unsigned a[4], b[2];
    float c[CHAINS][4];
    for (int i = 0; i < 4; ++i) a[i] = 0x00010001u * (threadIdx.x + i);  // tiny numbers: sums stay finite
    for (int i = 0; i < 2; ++i) b[i] = 0x00010001u * (threadIdx.x + i);
    for (int i = 0; i < CHAINS; ++i)
        for (int j = 0; j < 4; ++j) c[i][j] = i + j;
    for (int n = 0; n < rounds; ++n)
#pragma unroll
        for (int i = 0; i < CHAINS; ++i)
            asm volatile(
                "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
                "{%0, %1, %2, %3};"
                : "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3])
                : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    float sum = 0;
    for (int i = 0; i < CHAINS; ++i)
        for (int j = 0; j < 4; ++j) sum += c[i][j];
    if (sum == -1.0f) out[0] = sum;
#endif
}

extern "C" void solve() {}
