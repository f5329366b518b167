%% from "pieces.cu" import head, operation, launch_packed with context
${head()}
template <typename T, int W>
struct alignas(W * sizeof(T)) Pack {
    T e[W];
};

${operation()}
template <int W>
__global__ void kernel(${parameters}) {
    for (long long row = blockIdx.x; row < ${rows}; row += gridDim.x) {
        long long base = row * ${cols};
        for (int p = threadIdx.x; p < ${cols} / W; p += blockDim.x) {
%% for input in inputs
            Pack<${input.dtype.c}, W> p${input.name} = reinterpret_cast<const Pack<${input.dtype.c}, W>*>(${input.name}${" + base" if input in packable})[p];
%% endfor
            Pack<${output.dtype.c}, W> result;
            for (int k = 0; k < W; k++) {
                result.e[k] = op(${pack_loads("k")});
            }
            reinterpret_cast<Pack<${output.dtype.c}, W>*>(${y} + base)[p] = result;
        }
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    if (blocks > ${blocks}) blocks = ${blocks};
${launch_packed()}
}
