%% from "pieces.cu" import head, row_pack, block_reduce, launch_packed with context
${head()}
${row_pack()}
${block_reduce("max")}
${block_reduce("sum")}
template <int W>
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    const Pack<W>* from = reinterpret_cast<const Pack<W>*>(${x} + row * ${cols});
    Pack<W>* to = reinterpret_cast<Pack<W>*>(${y} + row * ${cols});
    float m = -INFINITY;
    for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
        Pack<W> in = from[p];
        for (int k = 0; k < W; k++) {
            float v = in.e[k];
            m = fmaxf(m, v);
        }
    }
    m = block_max(m);
    float s = 0.0f;
    for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
        Pack<W> in = from[p];
        for (int k = 0; k < W; k++) {
            float v = in.e[k];
            s += expf(v - m);
        }
    }
    s = block_sum(s);
    for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
        Pack<W> in = from[p];
        for (int k = 0; k < W; k++) {
            float v = in.e[k];
            in.e[k] = ${finish};
        }
        to[p] = in;
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
${launch_packed()}
}
