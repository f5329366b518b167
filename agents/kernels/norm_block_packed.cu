%% from "pieces.cu" import head, row_pack, block_reduce, launch_packed with context
${head()}
${row_pack()}
${block_reduce("sum")}
template <int W>
__global__ void kernel(${parameters}) {
    for (long long row = blockIdx.x; row < ${rows}; row += gridDim.x) {
        const Pack<W>* from = reinterpret_cast<const Pack<W>*>(${x} + row * ${cols});
        Pack<W>* to = reinterpret_cast<Pack<W>*>(${y} + row * ${cols});
%% if centred
        float mean = 0.0f;
        for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
            Pack<W> in = from[p];
            for (int k = 0; k < W; k++) {
                float v = in.e[k];
                mean += v;
            }
        }
        mean = block_sum(mean) / ${cols};
%% endif
        float s = 0.0f;
        for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
            Pack<W> in = from[p];
            for (int k = 0; k < W; k++) {
                float v = ${load("in.e[k]")}${" - mean" if centred};
                s += v * v;
            }
        }
        s = block_sum(s);
        float scale = ${scale};
        for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
            Pack<W> in = from[p];
%% for input in columns
            Pack<W> p${input.name} = reinterpret_cast<const Pack<W>*>(${input.name})[p];
%% endfor
            for (int k = 0; k < W; k++) {
                float v = ${load("in.e[k]")}${" - mean" if centred};
                in.e[k] = ${pack_finish};
            }
            to[p] = in;
        }
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    if (blocks > ${blocks}) blocks = ${blocks};
${launch_packed()}
}
