%% from "pieces.cu" import head, warp_reduce with context
%% set warps = block // 32
${head()}
${warp_reduce("max")}
${warp_reduce("sum")}
__global__ void kernel(${parameters}) {
    __shared__ float Ks[32][129];
    __shared__ float Vs[32][129];
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
    long long tiles = (seq - 1) / ${warps} + 1;
    long long base = blockIdx.x / tiles * seq * dim;
    int query0 = blockIdx.x % tiles * ${warps};
    int query = min(query0 + warp, seq - 1);
    int keys = ${"min(query0 + " ~ warps ~ ", seq)" if causal else "seq"};
    float acc[4] = {};
    float m = -3.0e38f;
    float s = 0.0f;
    for (int c0 = 0; c0 < keys; c0 += 32) {
        for (int r = warp; r < 32 && c0 + r < keys; r += ${warps}) {
            for (int d = lane; d < dim; d += 32) {
                Ks[r][d] = k[base + (long long)(c0 + r) * dim + d];
                Vs[r][d] = v[base + (long long)(c0 + r) * dim + d];
            }
        }
        __syncthreads();
        int c = c0 + lane;
        float dot = 0.0f;
        for (int d = 0; d < dim && c < keys; d++) {
            dot += q[base + (long long)query * dim + d] * Ks[lane][d];
        }
        dot = c < keys${" && c <= query" if causal} ? dot * rsqrtf(dim) : -INFINITY;
        float top = fmaxf(m, warp_max(dot));
        float fade = expf(m - top);
        m = top;
        float p = expf(dot - m);
        s = s * fade + warp_sum(p);
        #pragma unroll
        for (int j = 0; j < 4; j++) {
            acc[j] *= fade;
        }
        for (int r = 0; r < 32 && c0 + r < keys; r++) {
            float w = __shfl_sync(0xffffffff, p, r);
            #pragma unroll
            for (int j = 0; j < 4; j++) {
                int d = lane + 32 * j;
                if (d < dim) acc[j] += w * Vs[r][d];
            }
        }
        __syncthreads();
    }
    #pragma unroll
    for (int j = 0; j < 4; j++) {
        int d = lane + 32 * j;
        if (query0 + warp < seq && d < dim) {
            out[base + (long long)query * dim + d] = acc[j] / s;
        }
    }
}

extern "C" void solve(${parameters}) {
    long long tiles = (seq - 1) / ${warps} + 1;
    long long blocks = heads * tiles;
    kernel<<<blocks, ${block}>>>(${arguments});
}
