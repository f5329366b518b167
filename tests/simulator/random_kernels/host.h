// What a generated kernel needs to run as plain C++: the threads of a block are fibers that take turns, each up to the
// next barrier or exchange. All threads of a block that still run must reach the same ones, as on a GPU.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <ucontext.h>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static

struct Index {
    unsigned x;
};
static Index threadIdx, blockIdx, blockDim;

namespace host {
constexpr unsigned kThreads = 64;
static ucontext_t scheduler, fiber[kThreads];
static char stack[kThreads][1 << 16];
static bool running[kThreads];
static unsigned slot[kThreads];
static void (*kernel)(const unsigned *, unsigned *, unsigned);
static const unsigned *input;
static unsigned *output, argument;

static void pause() {
    const unsigned self = threadIdx.x;
    swapcontext(&fiber[self], &scheduler);
    threadIdx.x = self;
}

static void start(unsigned self) {
    threadIdx.x = self;
    kernel(input, output, argument);
    running[self] = false;
    swapcontext(&fiber[self], &scheduler);
}

static void block() {
    for (unsigned t = 0; t < blockDim.x; t++) {
        getcontext(&fiber[t]);
        fiber[t].uc_stack.ss_sp = stack[t];
        fiber[t].uc_stack.ss_size = sizeof stack[t];
        makecontext(&fiber[t], reinterpret_cast<void (*)()>(start), 1, t);
        running[t] = true;
    }
    for (bool any = true; any;) {
        any = false;
        for (unsigned t = 0; t < blockDim.x; t++)
            if (running[t]) swapcontext(&scheduler, &fiber[t]), any = true;
    }
}

// Every lane's value of the warp, after all have given theirs.
struct Warp {
    unsigned value[32], lane, lanes;
    explicit Warp(unsigned mine) : lane(threadIdx.x % 32) {
        slot[threadIdx.x] = mine;
        pause();
        std::memcpy(value, slot + threadIdx.x - lane, sizeof value);
        pause();
    }
};
}  // namespace host

static void __syncthreads() { host::pause(); }
static unsigned __shfl_sync(unsigned, unsigned v, int from) { return host::Warp(v).value[from & 31]; }
static unsigned __shfl_xor_sync(unsigned, unsigned v, int by) {
    const host::Warp w(v);
    return w.value[w.lane ^ by];
}
static unsigned __shfl_up_sync(unsigned, unsigned v, unsigned by) {
    const host::Warp w(v);
    return w.lane < by ? v : w.value[w.lane - by];
}
static unsigned __shfl_down_sync(unsigned, unsigned v, unsigned by) {
    const host::Warp w(v);
    return w.lane + by > 31 ? v : w.value[w.lane + by];
}
static unsigned __ballot_sync(unsigned, int p) {
    const host::Warp w(p != 0);
    unsigned bits = 0;
    for (int k = 0; k < 32; k++) bits |= w.value[k] << k;
    return bits;
}
static unsigned __reduce_add_sync(unsigned, unsigned v) {
    const host::Warp w(v);
    unsigned sum = 0;
    for (const unsigned x : w.value) sum += x;
    return sum;
}
static void atomicAdd(unsigned *at, unsigned v) { *at += v; }
static void atomicMax(unsigned *at, unsigned v) { *at = v > *at ? v : *at; }
static void atomicXor(unsigned *at, unsigned v) { *at ^= v; }
static unsigned __float_as_uint(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, 4);
    return bits;
}
static int __popc(unsigned x) { return __builtin_popcount(x); }
static int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
static unsigned __brev(unsigned x) {
    unsigned r = 0;
    for (int k = 0; k < 32; k++) r = r << 1 | (x >> k & 1);
    return r;
}
static unsigned __umulhi(unsigned a, unsigned b) { return static_cast<uint64_t>(a) * b >> 32; }
static unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
    const uint64_t both = static_cast<uint64_t>(high) << 32 | low;
    return both << (by & 31) >> 32;
}

extern "C" void run(void (*kernel)(const unsigned *, unsigned *, unsigned), const unsigned *x, unsigned *out, unsigned n,
                    unsigned blocks, unsigned threads) {
    host::kernel = kernel, host::input = x, host::output = out, host::argument = n;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) host::block();
}
