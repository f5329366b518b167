%% from "pieces.cu" import head, each, decode with context
${head()}
${each()}
__global__ void kernel(${parameters}) {
    long long rest = blockIdx.x;
    long long base = rest * ${cols};
${decode("rest", coordinates[:-1])}
    for (long long ${last} = threadIdx.x; ${last} < ${cols}; ${last} += blockDim.x) {
        ${y}[base + ${last}] = value(${coordinates | map("first") | join(", ")}, ${arguments});
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
