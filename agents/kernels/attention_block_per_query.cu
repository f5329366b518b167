%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce("max")}
${block_reduce("sum")}
__global__ void kernel(${parameters}) {
    __shared__ float p[${block}];
    long long row = blockIdx.x;
    long long first = row / seq * seq;
    int keys = ${"row % seq + 1" if causal else "seq"};
    float acc = 0.0f;
    float m = -3.0e38f;
    float s = 0.0f;
    for (int c0 = 0; c0 < keys; c0 += ${block}) {
        int c = c0 + threadIdx.x;
        float dot = 0.0f;
        for (int d = 0; d < dim && c < keys; d++) {
            dot += q[row * dim + d] * k[(first + c) * dim + d];
        }
        dot = c < keys ? dot * rsqrtf(dim) : -INFINITY;
        float top = fmaxf(m, block_max(dot));
        float fade = expf(m - top);
        m = top;
        p[threadIdx.x] = expf(dot - m);
        s = s * fade + block_sum(expf(dot - m));
        acc *= fade;
        for (int c = 0; c < ${block} && c0 + c < keys && threadIdx.x < dim; c++) {
            acc += p[c] * v[(first + c0 + c) * dim + threadIdx.x];
        }
        __syncthreads();
    }
    if (threadIdx.x < dim) {
        out[row * dim + threadIdx.x] = acc / s;
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (long long)heads * seq;
    kernel<<<blocks, ${block}>>>(${arguments});
}
