// Loads, stores, atomics and copies in the forms that inline PTX and the toolkit's headers give them.
#include <cuda_fp16.h>
#include <cuda_bf16.h>

#define SHARED(p) ((unsigned)__cvta_generic_to_shared(p))
#define REGISTERS ".reg .b32 a<8>; .reg .b64 d<8>; .reg .f32 f<8>; .reg .b16 h<8>; .reg .b128 w<4>; .reg .pred p<4>; "
// One kernel per text: %0 reads, %1 writes, %2 is the address of 512 bytes of shared memory, %3 is a number.
#define KERNEL(name, text)                                                                                     \
    extern "C" __global__ void name(const char* in, char* out, int n) {                                        \
        __shared__ __align__(128) char tile[512];                                                              \
        asm volatile("{" REGISTERS text "}" :: "l"(in), "l"(out), "r"(SHARED(tile)), "r"(n) : "memory");       \
    }

KERNEL(pairs_of_128, "ld.global.b128 w0, [%0]; ld.global.nc.b128 w1, [%0+16]; mov.b128 {d0, d1}, w0;"
    "mov.b128 w2, {d1, d0}; st.shared.b128 [%2], w1; ld.shared.b128 w3, [%2];"
    "st.global.b128 [%1], w2; st.global.b128 [%1+16], w3;")
KERNEL(cache_hints, "createpolicy.fractional.L2::evict_last.b64 d0, 1.0; ld.global.L2::cache_hint.u32 a0, [%0], d0;"
    "createpolicy.range.global.L2::evict_last.L2::evict_unchanged.b64 d1, [%0], 128, 256;"
    "ld.global.nc.L1::no_allocate.L2::cache_hint.v2.u32 {a1, a2}, [%0+8], d1;"
    "ld.global.L1::no_allocate.L2::128B.v4.u32 {a3, a4, a5, a6}, [%0+16]; ld.global.nc.L1::evict_last.L2::256B.f32 f0, [%0+4];"
    "st.global.L2::cache_hint.u32 [%1], a0, d0; st.global.L1::no_allocate.v4.u32 [%1+16], {a3, a4, a5, a6};"
    "st.global.cs.v2.u32 [%1+8], {a1, a2}; st.global.L1::evict_first.f32 [%1+4], f0;"
    "prefetch.global.L1 [%0]; prefetch.global.L2::evict_last [%0]; prefetchu.L1 [%0]; applypriority.global.L2::evict_normal [%0], 128;")
KERNEL(orders, "ld.weak.global.ca.u32 a0, [%0]; ld.mmio.relaxed.sys.global.u32 a1, [%0+4]; ld.volatile.global.v2.u32 {a2, a3}, [%0+8];"
    "ld.acquire.gpu.global.u64 d0, [%0+16]; ldu.global.v2.f32 {f0, f1}, [%0+24]; st.weak.global.wt.u32 [%1], a0;"
    "st.mmio.relaxed.sys.global.u32 [%1+4], a1; st.release.cta.shared::cta.u32 [%2], a2; ld.acquire.cluster.shared::cluster.u32 a4, [%2];"
    "st.relaxed.sys.global.u32 [%1+8], a4; st.volatile.global.u32 [%1+12], a3; st.release.gpu.global.u64 [%1+16], d0; st.global.v2.f32 [%1+24], {f0, f1};"
    "fence.proxy.async; fence.proxy.async.shared::cta; fence.mbarrier_init.release.cluster; fence.proxy.alias; fence.acquire.cta; membar.sys;")
KERNEL(widened, "ld.global.s8 d0, [%0]; ld.global.u8 d1, [%0+1]; ld.global.s16 a0, [%0+2]; ld.global.b8 a1, [%0+4]; ld.global.s32 d2, [%0+4]; ld.global.s8 h0, [%0];"
    "ld.global.v4.s8 {a2, a3, a4, a5}, [%0]; st.global.u64 [%1], d0; st.global.u64 [%1+8], d1; st.global.u32 [%1+16], a0; st.global.b16 [%1+20], a1;"
    "st.global.u8 [%1+22], d2; st.global.b8 [%1+23], a1; st.global.u64 [%1+24], d2; st.global.v4.u32 [%1+32], {a2, a3, a4, a5}; st.global.u16 [%1+48], h0; ")
KERNEL(sinks, "ld.global.v4.u32 {a0, _, _, a3}, [%0]; st.global.v2.u32 [%1], {a3, a0}; atom.global.add.u32 _, [%1], 5;")

extern "C" __global__ void generic_windows(const int* in, int* out, int n) {
    __shared__ int tile[32];
    __shared__ float scale;
    int own[4] = {in[threadIdx.x], 2, 3, 4};
    own[n & 3] += 1;
    int* p = n & 1 ? own : tile;
    unsigned long long g = (unsigned long long)p, back, spaces = 0;
    asm volatile("{.reg .pred p<6>; .reg .b64 v<6>; isspacep.shared p0, %1; isspacep.local p1, %1; isspacep.global p2, %1; isspacep.shared::cluster p3, %1; isspacep.param p4, %1;"
        "selp.b64 v0, 1, 0, p0; selp.b64 v1, 2, 0, p1; selp.b64 v2, 4, 0, p2; selp.b64 v3, 8, 0, p3; selp.b64 v4, 16, 0, p4; or.b64 v0, v0, v1; or.b64 v0, v0, v2; or.b64 v0, v0, v3; or.b64 %0, v0, v4;}" : "=l"(spaces) : "l"(g));
    if (n & 1) asm volatile("{.reg .b64 v; cvta.to.local.u64 v, %1; cvta.local.u64 %0, v;}" : "=l"(back) : "l"(g));
    else asm volatile("{.reg .b64 v; cvta.to.shared::cta.u64 v, %1; cvta.shared.u64 %0, v;}" : "=l"(back) : "l"(g));
    if (!(n & 1)) tile[threadIdx.x] = in[threadIdx.x] + 1;
    p = (int*)back;
    out[threadIdx.x] = p[n & 1 ? n & 3 : threadIdx.x] + 1000 * (int)spaces;
}

__constant__ int fixed[3] = {1, 2, 3};
__device__ int changing[3];
extern "C" __global__ void constant_or_global(const int* p, int* out) {
    int is;
    asm volatile("{.reg .pred c, g; .reg .b32 r; isspacep.const c, %1; isspacep.global g, %1;"
        "selp.b32 %0, 1, 0, c; selp.b32 r, 2, 0, g; or.b32 %0, %0, r;}" : "=&r"(is) : "l"(p));
    *out = is + 10 * (p ? *p : fixed[0] + changing[0]);
}

struct Pack { int v[6]; };
extern "C" __global__ void parameters(const __grid_constant__ Pack pack, int* out, int k) {
    const Pack* p = &pack;
    unsigned long long g = (unsigned long long)p, back;
    int is;
    asm volatile("{.reg .b64 v; .reg .pred p; cvta.to.param.u64 v, %2; cvta.param::entry.u64 %0, v; isspacep.param::entry p, %2; selp.s32 %1, 1, 0, p;}" : "=l"(back), "=r"(is) : "l"(g));
    out[threadIdx.x] = ((const Pack*)back)->v[(threadIdx.x + k) % 6] + 100 * is;
}

// Atomics by one lane: %0 holds operands, %1 what they change; what was there before goes behind it.
KERNEL(vector_atomics, "ld.global.v4.f32 {f0, f1, f2, f3}, [%0]; atom.global.v4.f32.add {f4, f5, f6, f7}, [%1], {f0, f1, f2, f3};"
    "st.global.v4.f32 [%1+64], {f4, f5, f6, f7}; red.global.v2.f32.add [%1+8], {f0, f1};"
    "ld.global.v4.u16 {h0, h1, h2, h3}, [%0+16]; ld.global.v4.u16 {h4, h5, h6, h7}, [%0+24];"
    "red.global.v8.f16.add.noftz [%1+16], {h0, h1, h2, h3, h4, h5, h6, h7}; ld.global.v2.b32 {a0, a1}, [%0+32];"
    "atom.global.v2.f16x2.min.noftz {a2, a3}, [%1+32], {a0, a1}; st.global.v2.b32 [%1+80], {a2, a3};"
    "ld.global.v2.b16 {h0, h1}, [%0+40]; atom.global.v2.bf16.max.noftz {h2, h3}, [%1+40], {h0, h1}; st.global.v2.b16 [%1+88], {h2, h3};"
    "ld.global.v4.b32 {a0, a1, a2, a3}, [%0+48]; red.global.v4.bf16x2.add.noftz [%1+48], {a0, a1, a2, a3};")
KERNEL(half_atomics, "ld.global.v4.b16 {h0, h1, h2, h3}, [%0]; atom.global.add.noftz.f16 h4, [%1], h0; atom.global.add.noftz.bf16 h5, [%1+2], h1;"
    "ld.global.v2.b32 {a0, a1}, [%0+8]; atom.global.add.noftz.f16x2 a2, [%1+4], a0; red.global.add.noftz.bf16x2 [%1+8], a1;"
    "st.global.v2.b16 [%1+32], {h4, h5}; st.global.b32 [%1+36], a2; atom.global.cas.b16 h6, [%1+12], h2, h3; atom.global.cas.b16 h7, [%1+14], h2, h3; st.global.v2.b16 [%1+40], {h6, h7};")
KERNEL(wide_atomics, "ld.global.b128 w0, [%0]; ld.global.b128 w1, [%0+16]; atom.global.exch.b128 w2, [%1], w0; st.global.b128 [%1+32], w2;"
    "atom.relaxed.gpu.global.cas.b128 w2, [%1], w0, w1; st.global.b128 [%1+48], w2; atom.acq_rel.gpu.global.cas.b128 w3, [%1+16], w0, w1; st.global.b128 [%1+64], w3;")

// All lanes at once, on one word per operation.
extern "C" __global__ void scalar_atomics(const int* in, unsigned long long* out) {
    __shared__ unsigned words[4];
    int t = threadIdx.x, v = in[t];
    long long w = (long long)v << 20;
    if (t < 4) words[t] = t == 1 ? ~0u : 0;
    __syncwarp();
#define ATOM(text, k, type, value) asm volatile("red." text " [%0], %1;" :: "l"(out + k), type(value) : "memory")
    ATOM("relaxed.sys.global.add.s32", 0, "r", v); ATOM("global.add.u64", 1, "l", w); ATOM("global.min.s64", 2, "l", w); ATOM("global.max.u64", 3, "l", w);
    ATOM("global.and.b64", 4, "l", w); ATOM("release.gpu.global.or.b32", 5, "r", v); ATOM("global.xor.b64", 6, "l", w); ATOM("global.min.s32", 7, "r", v);
    ATOM("global.max.u32", 8, "r", v); ATOM("global.inc.u32", 9, "r", 9); ATOM("global.dec.u32", 10, "r", 20); ATOM("global.add.f64", 11, "d", (double)v); ATOM("add.f32", 12, "f", (float)v);
    unsigned long long before, policy = 0;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %1, 0.5; atom.global.add.L2::cache_hint.u64 %0, [%2], 1, %1;" : "=l"(before), "+l"(policy) : "l"(out + 13) : "memory");
    out[32 + t] = before;
    atomicAdd_block(&words[0], v), atomicAnd(&words[1], v), atomicOr_system(&words[2], v), atomicXor(&words[3], v);
    __syncwarp();
    if (t < 4) out[64 + t] = words[t];
}

extern "C" __global__ void tiny_sums(float* global, float* kept) {
    __shared__ float s;
    if (threadIdx.x == 0) s = *kept;
    atomicAdd(&s, *kept), atomicAdd(global, *kept);
    *kept = s;
}

extern "C" __global__ void copies(const char* in, char* out, int given) {
    __shared__ __align__(16) char tile[32][16 * 7];
    unsigned s = SHARED(tile[threadIdx.x]);
    in += 16 * threadIdx.x;
    asm volatile("{.reg .b64 p; .reg .pred all, none; createpolicy.fractional.L2::evict_first.b64 p, 1.0; setp.eq.u32 all, %2, %2; setp.ne.u32 none, %2, %2;"
        "cp.async.cg.shared.global.L2::128B [%0], [%1], 16;"
        "cp.async.cg.shared.global [%0+16], [%1], 16, %2;"
        "cp.async.ca.shared::cta.global.L2::256B [%0+32], [%1], 8, 4;"
        "cp.async.ca.shared.global.L2::cache_hint [%0+40], [%1], 8, p;"
        "cp.async.cg.shared.global.L2::cache_hint [%0+48], [%1], 16, %2, p;"
        "cp.async.ca.shared.global [%0+64], [%1], 16, all; cp.async.ca.shared.global.L2::64B [%0+80], [%1], 16, none;"
        "cp.async.ca.shared.global [%0+96], [%1], 4, %3; cp.async.ca.shared.global [%0+100], [%1], 4; cp.async.ca.shared.global [%0+104], [%1], 8;"
        "cp.async.commit_group; cp.async.wait_group 0; cp.async.wait_all;}" :: "r"(s), "l"(in), "r"(given), "r"(given & 3) : "memory");
    for (int k = 0; k < 112; k++) out[112 * threadIdx.x + k] = tile[threadIdx.x][k];
}

// What the simulated GPU lacks.
KERNEL(lacks_bulk_copy, "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%2], [%0], 16, [%2];")
KERNEL(lacks_bulk_group, "cp.async.bulk.commit_group;")
KERNEL(lacks_cluster_barrier, "barrier.cluster.arrive; barrier.cluster.wait;")
KERNEL(lacks_cluster_address, "mapa.shared::cluster.u32 a0, %2, 0;")
KERNEL(lacks_register_moves, "setmaxnreg.dec.sync.aligned.u32 40;")
KERNEL(lacks_warpgroups, "wgmma.fence.sync.aligned;")
KERNEL(lacks_remote_red, "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%2], 1, [%2];")
KERNEL(lacks_remote_store, "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%2], 1, [%2];")
KERNEL(lacks_tensor_map, "prefetch.tensormap [%0];")
KERNEL(lacks_multimem, "multimem.red.relaxed.sys.global.add.u32 [%1], 1;")
KERNEL(lacks_environment, "mov.b32 a0, %%envreg7;")
extern "C" __global__ void __cluster_dims__(2, 1, 1) lacks_clusters(int* out) { out[0] = 1; }
