%% from "pieces.cu" import head, warp_reduce with context
${head()}
${warp_reduce("sum")}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${output.dtype.c}* to = ${y} + row * ${cols};
    int lane = threadIdx.x % 32;
%% if centred
    float mean = 0.0f;
    for (int c = lane; c < ${cols}; c += 32) {
        float v = from[c];
        mean += v;
    }
    mean = warp_sum(mean) / ${cols};
%% endif
    float s = 0.0f;
    for (int c = lane; c < ${cols}; c += 32) {
        float v = ${load("from[c]")}${" - mean" if centred};
        s += v * v;
    }
    s = warp_sum(s);
    float scale = ${scale};
    for (int c = lane; c < ${cols}; c += 32) {
        float v = ${load("from[c]")}${" - mean" if centred};
        to[c] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
