%% from "pieces.cu" import head, warp_reduce with context
${head()}
${warp_reduce("sum")}
__device__ float team_sum(float v) { return warp_sum(v); }

%% if maximum
${warp_reduce("max")}
__device__ float team_max(float v) { return warp_max(v); }

%% endif
__global__ void kernel(${parameters}) {
    long long team = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    const int lanes = 32;
    if (team >= ${teams}) return;
${body}
}

extern "C" void solve(${parameters}) {
    long long blocks = (${teams} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
