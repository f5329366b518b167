%% from "pieces.cu" import head, block_reduce with context
${head()}
${block_reduce("sum")}
__device__ float team_sum(float v) { return block_sum(v); }

%% if maximum
${block_reduce("max")}
__device__ float team_max(float v) { return block_max(v); }

%% endif
__global__ void kernel(${parameters}) {
    long long team = blockIdx.x;
    int lane = threadIdx.x;
    const int lanes = ${block};
${body}
}

extern "C" void solve(${parameters}) {
    long long blocks = ${teams};
    kernel<<<blocks, ${block}>>>(${arguments});
}
