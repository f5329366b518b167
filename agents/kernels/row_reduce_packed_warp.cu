%% from "pieces.cu" import head, row_pack, warp_reduce, state, launch_packed with context
${head()}
${row_pack()}
${state()}
${warp_reduce(operator, type)}
template <int W>
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    if (row >= ${rows}) return;
    const Pack<W>* from = reinterpret_cast<const Pack<W>*>(${x} + row * ${cols});
    int lane = threadIdx.x % 32;
    ${type} v = ${identity};
    for (int p = lane; p < ${cols} / W; p += 32) {
        Pack<W> in = from[p];
        for (int k = 0; k < W; k++) {
            ${type} w = ${pack_value("k", "p * W + k")};
            v = ${combine(operator)};
        }
    }
    v = warp_${operator}(v);
    if (lane == 0) {
        ${y}[row] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block // 32} + 1;
${launch_packed()}
}
