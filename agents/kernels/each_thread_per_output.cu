%% from "pieces.cu" import head, each, decode with context
${head()}
${each()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long place = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= count) return;
    long long rest = place;
${decode("rest", coordinates)}
    ${y}[place] = value(${coordinates | map("first") | join(", ")}, ${arguments});
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
