%% from "pieces.cu" import head, block_reduce, state with context
${head()}
${state()}
${block_reduce(operator, type)}
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    const ${element}* from = ${x} + row * ${cols};
    ${type} v = ${identity};
    for (int c = threadIdx.x; c < ${cols}; c += blockDim.x) {
        ${type} w = ${row_value("c")};
        v = ${combine(operator)};
    }
    v = block_${operator}(v);
    if (threadIdx.x == 0) {
        ${y}[row] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
