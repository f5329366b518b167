%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    __shared__ float Qs[32][129];
    __shared__ float Ks[32][129];
    __shared__ float Ps[32][33];
    int tx = threadIdx.x % 16;
    int ty = threadIdx.x / 16;
    unsigned tiles = (seq - 1) / 32 + 1;
    long long base = (long long)(blockIdx.x / tiles) * seq * dim;
    int query0 = blockIdx.x % tiles * 32;
    int keys = ${"min(query0 + 32, seq)" if causal else "seq"};
    float acc[2][8] = {};
    float m[2] = {-3.0e38f, -3.0e38f};
    float s[2] = {};
    for (int r = ty; r < 32; r += 16) {
        for (int d = tx; d < dim; d += 16) {
            Qs[r][d] = query0 + r < seq ? q[base + (long long)(query0 + r) * dim + d] : 0.0f;
        }
    }
    for (int c0 = 0; c0 < keys; c0 += 32) {
        for (int r = ty; r < 32; r += 16) {
            for (int d = tx; d < dim; d += 16) {
                Ks[r][d] = c0 + r < seq ? k[base + (long long)(c0 + r) * dim + d] : 0.0f;
            }
        }
        __syncthreads();
        float dot[2][2] = {};
        for (int d = 0; d < dim; d++) {
            #pragma unroll
            for (int i = 0; i < 2; i++) {
                dot[i][0] += Qs[ty + 16 * i][d] * Ks[tx][d];
                dot[i][1] += Qs[ty + 16 * i][d] * Ks[tx + 16][d];
            }
        }
        __syncthreads();
        for (int r = ty; r < 32; r += 16) {
            for (int d = tx; d < dim; d += 16) {
                Ks[r][d] = c0 + r < seq ? v[base + (long long)(c0 + r) * dim + d] : 0.0f;
            }
        }
        #pragma unroll
        for (int i = 0; i < 2; i++) {
            float top = m[i];
            #pragma unroll
            for (int j = 0; j < 2; j++) {
                int c = c0 + tx + 16 * j;
                dot[i][j] = ${"c <= query0 + ty + 16 * i" if causal else "c < keys"} ? dot[i][j] * rsqrtf(dim) : -INFINITY;
                top = fmaxf(top, dot[i][j]);
            }
            for (int offset = 8; offset > 0; offset /= 2) {
                top = fmaxf(top, __shfl_xor_sync(0xffffffff, top, offset));
            }
            float fade = expf(m[i] - top);
            m[i] = top;
            s[i] *= fade;
            #pragma unroll
            for (int j = 0; j < 2; j++) {
                float p = expf(dot[i][j] - top);
                Ps[ty + 16 * i][tx + 16 * j] = p;
                s[i] += p;
            }
            #pragma unroll
            for (int j = 0; j < 8; j++) {
                acc[i][j] *= fade;
            }
        }
        __syncthreads();
        for (int c = 0; c < 32; c++) {
            #pragma unroll
            for (int j = 0; j < 8; j++) {
                int d = tx + 16 * j;
                if (d >= dim) break;
                acc[0][j] += Ps[ty][c] * Ks[c][d];
                acc[1][j] += Ps[ty + 16][c] * Ks[c][d];
            }
        }
        __syncthreads();
    }
    #pragma unroll
    for (int i = 0; i < 2; i++) {
        for (int offset = 8; offset > 0; offset /= 2) {
            s[i] += __shfl_xor_sync(0xffffffff, s[i], offset);
        }
        int query = query0 + ty + 16 * i;
        #pragma unroll
        for (int j = 0; j < 8; j++) {
            int d = tx + 16 * j;
            if (query < seq && d < dim) {
                out[base + (long long)query * dim + d] = acc[i][j] / s[i];
            }
        }
    }
}

extern "C" void solve(${parameters}) {
    unsigned tiles = (seq - 1) / 32 + 1;
    long long blocks = (long long)heads * tiles;
    kernel<<<blocks, 256>>>(${arguments});
}
