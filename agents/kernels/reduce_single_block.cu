%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce(operator, type)}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    ${type} v = ${identity};
    for (long long i = threadIdx.x; i < count; i += blockDim.x) {
        ${type} w = ${value("i")};
        v = ${combine(operator)};
    }
    v = block_${operator}(v);
    if (threadIdx.x == 0) {
        ${y}[0] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    kernel<<<1, ${block}>>>(${arguments});
}
