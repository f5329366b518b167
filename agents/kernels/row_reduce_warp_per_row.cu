%% from "pieces.cu" import head, warp_reduce, state with context
${head()}
${state()}
${warp_reduce(operator, type)}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    int lane = threadIdx.x % 32;
    ${type} v = ${identity};
    for (int c = lane; c < ${cols}; c += 32) {
        ${type} w = ${row_value("c")};
        v = ${combine(operator)};
    }
    v = warp_${operator}(v);
    if (lane == 0) {
        ${y}[row] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
