%% from "pieces.cu" import head, state with context
${head()}
${state()}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= ${rows}) return;
    const ${element}* from = ${x} + row * ${cols};
    ${type} v = ${identity};
    for (int c = 0; c < ${cols}; c++) {
        ${type} w = ${row_value("c")};
        v = ${combine(operator)};
    }
    ${y}[row] = ${finish};
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
