%% from "pieces.cu" import head, warp_reduce with context
%% set warps = block // 32
${head()}
${warp_reduce("max")}
${warp_reduce("sum")}
__global__ void kernel(${parameters}) {
    __shared__ float Qs[${warps}][128];
    __shared__ float Ks[32][129];
    __shared__ float Vs[32][129];
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    unsigned tiles = (seq - 1) / ${warps} + 1;
    long long base = (long long)(blockIdx.x / tiles) * seq * dim;
    int query0 = blockIdx.x % tiles * ${warps};
    int query = min(query0 + warp, seq - 1);
    int keys = ${"min(query0 + " ~ warps ~ ", seq)" if causal else "seq"};
    float acc[4] = {};
    float m = -3.0e38f;
    float s = 0.0f;
    for (int d = lane; d < dim; d += 32) {
        Qs[warp][d] = q[base + (long long)query * dim + d];
    }
    for (int c0 = 0; c0 < keys; c0 += 32) {
        for (int r = warp; r < 32; r += ${warps}) {
            for (int d = lane; d < 128; d += 32) {
                bool inside = c0 + r < seq && d < dim;
                Ks[r][d] = inside ? k[base + (long long)(c0 + r) * dim + d] : 0.0f;
                Vs[r][d] = inside ? v[base + (long long)(c0 + r) * dim + d] : 0.0f;
            }
        }
        __syncthreads();
        float dot = 0.0f;
        for (int d = 0; d < dim; d++) {
            dot += Qs[warp][d] * Ks[lane][d];
        }
        dot = c0 + lane < ${"query + 1" if causal else "keys"} ? dot * rsqrtf(dim) : -INFINITY;
        float top = fmaxf(m, warp_max(dot));
        float fade = expf(m - top);
        m = top;
        float p = expf(dot - m);
        s = s * fade + warp_sum(p);
        for (int j = 0; j < 4; j++) {
            acc[j] *= fade;
        }
        for (int r = 0; r < 32; r++) {
            float w = __shfl_sync(0xffffffff, p, r);
            for (int j = 0; j < 4; j++) {
                acc[j] += w * Vs[r][lane + 32 * j];
            }
        }
        __syncthreads();
    }
    for (int j = 0; j < 4; j++) {
        int d = lane + 32 * j;
        if (query0 + warp < seq && d < dim) {
            out[base + (long long)query * dim + d] = acc[j] / s;
        }
    }
}

extern "C" void solve(${parameters}) {
    unsigned tiles = (seq - 1) / ${warps} + 1;
    long long blocks = (long long)heads * tiles;
    kernel<<<blocks, ${block}>>>(${arguments});
}
