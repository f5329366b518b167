%% from "pieces.cu" import head, warp_reduce with context
${head()}
${warp_reduce("max")}
${warp_reduce("sum")}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    int lane = threadIdx.x % 32;
    float m = -3.0e38f;
    float s = 0.0f;
    for (int c = lane; c < ${cols}; c += 32) {
        float v = from[c];
        float top = fmaxf(m, v);
        s = s * expf(m - top) + expf(v - top);
        m = top;
    }
    float top = warp_max(m);
    s = warp_sum(s * expf(m - top));
    m = top;
    for (int c = lane; c < ${cols}; c += 32) {
        float v = from[c];
        to[c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
