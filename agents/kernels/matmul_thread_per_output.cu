%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    long long count = (long long)${M} * ${N};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    long long row = i / ${N};
    long long col = i % ${N};
    ${type} acc = 0;
    for (long long k = 0; k < ${K}; k++) {
        acc += ${a_at("row", "k")} * ${b_at("k", "col")};
    }
    ${store("row", "col", "acc")}
}

extern "C" void solve(${parameters}) {
    long long count = (long long)${M} * ${N};
    long long blocks = (count - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
