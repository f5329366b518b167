%% from "pieces.cu" import head with context
${head()}
__device__ float team_sum(float v) { return v; }
%% if maximum
__device__ float team_max(float v) { return v; }
%% endif

__global__ void kernel(${parameters}) {
    long long team = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int lane = 0;
    const int lanes = 1;
    if (team >= ${teams}) return;
${body}
}

extern "C" void solve(${parameters}) {
    long long blocks = (${teams} - 1) / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
