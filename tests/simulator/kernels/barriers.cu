// Barriers in shared memory: cuda::barrier, cuda::pipeline, asynchronous copies, and mbarrier as inline PTX.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda/barrier>
#include <cuda/pipeline>

namespace cg = cooperative_groups;
using Barrier = cuda::barrier<cuda::thread_scope_block>;

extern "C" __global__ void arrive_and_wait(const int* x, int* out) {
    __shared__ int tile[128];
    __shared__ Barrier barrier;
    int t = threadIdx.x;
    if (t == 0) init(&barrier, blockDim.x);
    __syncthreads();
    for (int k = 0; k < 4; k++) {
        tile[t] = x[t] + k;
        barrier.arrive_and_wait();
        out[k * blockDim.x + t] = tile[blockDim.x - 1 - t];
        auto token = barrier.arrive();
        barrier.wait(std::move(token));
    }
}

// Half of the threads fill two buffers in turn, the other half empty them.
extern "C" __global__ void hand_over(const int* x, int* out, int n) {
    __shared__ int buffer[2][64];
    __shared__ Barrier full[2], empty[2];
    int t = threadIdx.x % 64;
    if (threadIdx.x == 0)
        for (int k = 0; k < 2; k++) init(&full[k], 128), init(&empty[k], 128);
    __syncthreads();
    if (threadIdx.x < 64) {
        for (int k = 0; k < n; k++) {
            empty[k & 1].arrive_and_wait();
            buffer[k & 1][t] = x[k * 64 + t] * 2;
            (void)full[k & 1].arrive();
        }
    } else {
        int s = 0;
        (void)empty[0].arrive(), (void)empty[1].arrive();
        for (int k = 0; k < n; k++) {
            full[k & 1].arrive_and_wait();
            s = s * 3 + buffer[k & 1][63 - t];
            if (k + 2 < n) (void)empty[k & 1].arrive();
        }
        out[t] = s;
    }
}

extern "C" __global__ void drop_out(const int* x, int* out) {
    __shared__ int sum;
    __shared__ Barrier barrier;
    int t = threadIdx.x;
    if (t == 0) init(&barrier, blockDim.x), sum = 0;
    __syncthreads();
    if (x[t] & 1) {
        atomicAdd(&sum, x[t]);
        barrier.arrive_and_drop();
        return;
    }
    for (int k = 0; k < 3; k++) barrier.arrive_and_wait();
    out[t] = sum;
}

extern "C" __global__ void pipeline_of_threads(const int* x, int* out, int n) {
    __shared__ int buffer[2][128];
    auto pipe = cuda::make_pipeline();
    int t = threadIdx.x, s = 0;
    for (int k = 0; k <= n; k++) {
        if (k < n) {
            pipe.producer_acquire();
            cuda::memcpy_async(&buffer[k & 1][t], &x[k * 128 + t], sizeof(int), pipe);
            pipe.producer_commit();
        }
        if (k == 0) continue;
        if (k < n) cuda::pipeline_consumer_wait_prior<1>(pipe);
        else cuda::pipeline_consumer_wait_prior<0>(pipe);
        __syncthreads();
        s = s * 3 + buffer[(k - 1) & 1][127 - t];
        __syncthreads();
        pipe.consumer_release();
    }
    out[t] = s;
}

extern "C" __global__ void pipeline_of_block(const int* x, int* out, int n) {
    __shared__ alignas(16) int buffer[2][128];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
    auto block = cg::this_thread_block();
    auto pipe = cuda::make_pipeline(block, &state);
    int s = 0;
    for (int k = 0, fetched = 0; k < n; k++) {
        for (; fetched < n && fetched < k + 2; fetched++) {
            pipe.producer_acquire();
            cuda::memcpy_async(block, buffer[fetched & 1], x + fetched * 128, cuda::aligned_size_t<16>(512), pipe);
            pipe.producer_commit();
        }
        pipe.consumer_wait();
        s = s * 3 + buffer[k & 1][127 - threadIdx.x];
        pipe.consumer_release();
    }
    out[threadIdx.x] = s;
}

extern "C" __global__ void pipeline_with_roles(const int* x, int* out, int n) {
    __shared__ int buffer[2][64];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
    auto role = threadIdx.x < 64 ? cuda::pipeline_role::producer : cuda::pipeline_role::consumer;
    auto pipe = cuda::make_pipeline(cg::this_thread_block(), &state, role);
    int t = threadIdx.x % 64, s = 0;
    for (int k = 0; k < n; k++) {
        if (threadIdx.x < 64) {
            pipe.producer_acquire();
            cuda::memcpy_async(&buffer[k & 1][t], &x[k * 64 + t], sizeof(int), pipe);
            pipe.producer_commit();
        } else {
            pipe.consumer_wait();
            s = s * 3 + buffer[k & 1][63 - t];
            pipe.consumer_release();
        }
    }
    if (threadIdx.x >= 64) out[t] = s;
}

extern "C" __global__ void copy_of_group(const int* x, int* out) {
    __shared__ alignas(16) int tile[256];
    auto block = cg::this_thread_block();
    cg::memcpy_async(block, tile, x, sizeof(int) * 256);
    cg::wait(block);
    out[threadIdx.x] = tile[255 - threadIdx.x];
}

#define SHARED(p) ((unsigned)__cvta_generic_to_shared(p))
#define MBARRIER(text, ...) asm volatile("{.reg .pred p; mbarrier." text "}" __VA_ARGS__)

__device__ bool phase_over(void* b, unsigned parity) {
    unsigned over;
    MBARRIER("test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;", : "=r"(over) : "r"(SHARED(b)), "r"(parity) : "memory");
    return over;
}

// Every form of arrival by one thread; what it returns, and what is left to arrive.
extern "C" __global__ void forms(unsigned* out) {
    __shared__ unsigned long long object;
    unsigned b = SHARED(&object);
    unsigned long long before, generic = (unsigned long long)&object;
    unsigned n = 0, left;
#define LEFT()                                                                 \
    asm volatile("mbarrier.pending_count.b64 %0, %1;" : "=r"(left) : "l"(before)); \
    out[n++] = left, out[n++] = phase_over(&object, 0)
    MBARRIER("init.shared::cta.b64 [%0], 12;", :: "r"(b) : "memory");
    MBARRIER("arrive.shared.b64 %0, [%1];", : "=l"(before) : "r"(b) : "memory");
    LEFT();
    MBARRIER("arrive.release.cta.shared::cta.b64 %0, [%1], 3;", : "=l"(before) : "r"(b) : "memory");
    LEFT();
    MBARRIER("arrive.noComplete.b64 %0, [%1], 2;", : "=l"(before) : "l"(generic) : "memory");
    LEFT();
    MBARRIER("arrive.expect_tx.release.cta.shared::cta.b64 %0, [%1], 96;", : "=l"(before) : "r"(b) : "memory");
    LEFT();
    MBARRIER("arrive_drop.shared.b64 %0, [%1], 2;", : "=l"(before) : "r"(b) : "memory");
    LEFT();
    asm volatile("cp.async.mbarrier.arrive.shared.b64 [%0]; cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%0];" :: "r"(b) : "memory");
    MBARRIER("arrive.release.cluster.shared::cluster.b64 _, [%0], 1;", :: "r"(b) : "memory");
    MBARRIER("expect_tx.relaxed.cta.shared::cta.b64 [%0], 32;", :: "r"(b) : "memory");
    MBARRIER("arrive.b64 %0, [%1];", : "=l"(before) : "l"(generic) : "memory");
    LEFT();
    MBARRIER("complete_tx.relaxed.cta.shared::cta.b64 [%0], 100;", :: "r"(b) : "memory");
    out[n++] = phase_over(&object, 0);
    MBARRIER("complete_tx.relaxed.cta.shared::cta.b64 [%0], 28;", :: "r"(b) : "memory");
    out[n++] = phase_over(&object, 0), out[n++] = phase_over(&object, 1);
    unsigned over;
    MBARRIER("try_wait.shared::cta.b64 p, [%1], %2, 20; selp.u32 %0, 1, 0, p;", : "=r"(over) : "r"(b), "l"(before) : "memory");
    out[n++] = over;
    MBARRIER("arrive_drop.expect_tx.release.cta.shared::cta.b64 %0, [%1], 8;", : "=l"(before) : "r"(b) : "memory");
    LEFT();
    MBARRIER("test_wait.acquire.cta.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;", : "=r"(over) : "r"(b), "l"(before) : "memory");
    out[n++] = over;
    MBARRIER("inval.shared.b64 [%0];", :: "r"(b) : "memory");
    MBARRIER("init.b64 [%0], 1;", :: "l"(generic) : "memory");
    MBARRIER("arrive.b64 %0, [%1];", : "=l"(before) : "l"(generic) : "memory");
    LEFT();
}

// Looks at two barriers in turn; the second must move first.
extern "C" __global__ void polls_two(int* out) {
    __shared__ unsigned long long first, second;
    int t = threadIdx.x;
    if (t == 0) {
        MBARRIER("init.shared.b64 [%0], 1;", :: "r"(SHARED(&first)) : "memory");
        MBARRIER("init.shared.b64 [%0], 1;", :: "r"(SHARED(&second)) : "memory");
    }
    __syncthreads();
    if (t == 32) MBARRIER("arrive.shared.b64 _, [%0];", :: "r"(SHARED(&second)) : "memory");
    if (t == 0) {
        int seen = 0;
        while (seen != 3) {
            unsigned over;
            MBARRIER("try_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;", : "=r"(over) : "r"(SHARED(&first)) : "memory");
            if (over) seen |= 1;
            MBARRIER("try_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p;", : "=r"(over) : "r"(SHARED(&second)) : "memory");
            if (over && !(seen & 2)) {
                seen |= 2;
                MBARRIER("arrive.shared.b64 _, [%0];", :: "r"(SHARED(&first)) : "memory");
            }
        }
        out[0] = seen;
    }
}

extern "C" __global__ void never_full(int* out, int missing) {
    __shared__ Barrier barrier;
    if (threadIdx.x == 0) init(&barrier, blockDim.x + missing);
    __syncthreads();
    barrier.arrive_and_wait();  // line: never_full
    out[threadIdx.x] = 1;
}

extern "C" __global__ void no_bytes(int* out, int bytes) {
    __shared__ unsigned long long object;
    if (threadIdx.x == 0) {
        MBARRIER("init.shared.b64 [%0], 1;", :: "r"(SHARED(&object)) : "memory");
        MBARRIER("arrive.expect_tx.shared::cta.b64 _, [%0], %1;", :: "r"(SHARED(&object)), "r"(bytes) : "memory");
    }
    __syncthreads();
    while (!phase_over(&object, 0)) {}
    out[threadIdx.x] = 1;
}

extern "C" __global__ void misused(int* out, int init, int arrivals) {
    __shared__ unsigned long long object;
    if (init >= 0) MBARRIER("init.shared.b64 [%0], %1;", :: "r"(SHARED(&object)), "r"(init) : "memory");
    for (int k = 0; k < arrivals; k++)
        MBARRIER("arrive.noComplete.shared.b64 _, [%0], 2;", :: "r"(SHARED(&object)) : "memory");
    out[0] = phase_over(&object, 1);
}

extern "C" __global__ void too_early(int* out, int early) {
    __shared__ int x[64];
    __shared__ Barrier barrier;
    if (threadIdx.x == 0) init(&barrier, blockDim.x);
    __syncthreads();
    x[threadIdx.x] = threadIdx.x;
    auto token = barrier.arrive();
    if (early) out[threadIdx.x] = x[63 - threadIdx.x];
    barrier.wait(std::move(token));
    out[threadIdx.x] = x[63 - threadIdx.x];
}
