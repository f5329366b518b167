%% from "pieces.cu" import head, warp_reduce, stream_keys with context
%% set warps = block // 32
${head()}
${warp_reduce("sum")}
__global__ void partial(${parameters}, float* parts) {
    long long row = blockIdx.x / ${splits};
    int lane = threadIdx.x % 32;
    int part = blockIdx.x % ${splits} * ${warps} + threadIdx.x / 32;
${stream_keys("part", splits * warps)}
    float* to = parts + (row * ${splits * warps} + part) * (dim + 2);
    for (int j = 0; j < 4; j++) {
        int d = lane + 32 * j;
        if (d < dim) to[d] = acc[j];
    }
    if (lane == 0) {
        to[dim] = m;
        to[dim + 1] = s;
    }
}

__global__ void combine(const float* parts, ${declare([output])}, int dim) {
    const float* from = parts + (long long)blockIdx.x * ${splits * warps} * (dim + 2);
    float top = -3.0e38f;
    for (int p = 0; p < ${splits * warps}; p++) {
        top = fmaxf(top, from[p * (dim + 2) + dim]);
    }
    float v = 0.0f;
    float total = 0.0f;
    for (int p = 0; p < ${splits * warps} && threadIdx.x < dim; p++) {
        float fade = expf(from[p * (dim + 2) + dim] - top);
        v += from[p * (dim + 2) + threadIdx.x] * fade;
        total += from[p * (dim + 2) + dim + 1] * fade;
    }
    if (threadIdx.x < dim) out[(long long)blockIdx.x * dim + threadIdx.x] = v / total;
}

extern "C" void solve(${parameters}) {
    long long rows = ${queries};
    float* parts;
    cudaMalloc(&parts, rows * ${splits * warps} * (dim + 2) * sizeof(float));
    partial<<<rows * ${splits}, ${block}>>>(${arguments}, parts);
    combine<<<rows, 128>>>(parts, out, dim);
    cudaFree(parts);
}
