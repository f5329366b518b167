%% from "pieces.cu" import head, warp_reduce, stream_keys with context
%% set warps = block // 32
${head()}
${warp_reduce("sum")}
__global__ void kernel(${parameters}) {
    __shared__ float tops[${warps}];
    __shared__ float sums[${warps}];
    __shared__ float parts[${warps}][128];
    long long row = blockIdx.x;
    int lane = threadIdx.x % 32;
    int warp = threadIdx.x / 32;
${stream_keys("warp", warps)}
    tops[warp] = m;
    sums[warp] = s;
    for (int j = 0; j < 4; j++) {
        parts[warp][lane + 32 * j] = acc[j];
    }
    __syncthreads();
    float top = -3.0e38f;
    for (int w = 0; w < ${warps}; w++) {
        top = fmaxf(top, tops[w]);
    }
    float total = 0.0f;
    for (int w = 0; w < ${warps}; w++) {
        total += sums[w] * expf(tops[w] - top);
    }
    for (int d = threadIdx.x; d < dim; d += blockDim.x) {
        float v = 0.0f;
        for (int w = 0; w < ${warps}; w++) {
            v += parts[w][d] * expf(tops[w] - top);
        }
        out[row * dim + d] = v / total;
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${queries};
    kernel<<<blocks, ${block}>>>(${arguments});
}
