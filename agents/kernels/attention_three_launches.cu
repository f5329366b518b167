%% from "pieces.cu" import head with context
${head()}
__global__ void scores(const float* q, const float* k, float* p, int heads, int seq, int dim) {
    long long count = (long long)heads * seq * seq;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    long long row = i / seq;
    long long col = i % seq;
    long long key = row / seq * seq + col;
    float acc = 0.0f;
    for (int d = 0; d < dim; d++) {
        acc += q[row * dim + d] * k[key * dim + d];
    }
    p[i] = ${"col > row % seq ? -INFINITY : " if causal}acc * rsqrtf(dim);
}

__global__ void softmax(float* p, long long rows, int cols) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    long long base = row * cols;
    float m = -INFINITY;
    for (int c = 0; c < cols; c++) {
        float v = p[base + c];
        m = fmaxf(m, v);
    }
    float s = 0.0f;
    for (int c = 0; c < cols; c++) {
        float v = p[base + c];
        s += expf(v - m);
    }
    for (int c = 0; c < cols; c++) {
        float v = p[base + c];
        p[base + c] = expf(v - m) / s;
    }
}

__global__ void values(const float* p, const float* v, float* out, int heads, int seq, int dim) {
    long long count = (long long)heads * seq * dim;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    long long row = i / dim;
    long long col = i % dim;
    long long first = row / seq * seq;
    float acc = 0.0f;
    for (int c = 0; c < seq; c++) {
        acc += p[row * seq + c] * v[(first + c) * dim + col];
    }
    out[i] = acc;
}

extern "C" void solve(${parameters}) {
    long long rows = (long long)heads * seq;
    float* p;
    cudaMalloc(&p, rows * seq * sizeof(float));
    scores<<<(rows * seq - 1) / ${block} + 1, ${block}>>>(q, k, p, heads, seq, dim);
    softmax<<<(rows - 1) / ${block} + 1, ${block}>>>(p, rows, seq);
    values<<<(rows * dim - 1) / ${block} + 1, ${block}>>>(p, v, out, heads, seq, dim);
    cudaFree(p);
}
