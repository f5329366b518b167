%% from "pieces.cu" import head, block_reduce, finish_partials, solve_partials with context
${head()}
${block_reduce(operator, type)}
__global__ void kernel(${declare(inputs)}, ${type}* partials, ${declare(scalars)}) {
    long long count = ${count};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    ${type} v = ${identity};
    if (i < count) {
        v = ${value("i")};
    }
    v = block_${operator}(v);
    if (threadIdx.x == 0) {
        partials[blockIdx.x] = v;
    }
}

${finish_partials()}
extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
${solve_partials()}
}
