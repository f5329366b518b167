%% from "pieces.cu" import head, operation, pack with context
${head()}
${pack(width)}
${operation()}
__global__ void kernel(${parameters}) {
    long long row = blockIdx.x;
    long long base = row * ${cols};
    int packs = ${cols} % ${width} == 0 ? ${cols} / ${width} : 0;
    for (int p = threadIdx.x; p < packs; p += blockDim.x) {
%% for input in inputs
        Pack<${input.dtype.c}> p${input.name} = reinterpret_cast<const Pack<${input.dtype.c}>*>(${input.name}${" + base" if input in packable})[p];
%% endfor
        Pack<${output.dtype.c}> result;
        #pragma unroll
        for (int k = 0; k < ${width}; k++) {
            result.e[k] = op(${pack_loads("k")});
        }
        reinterpret_cast<Pack<${output.dtype.c}>*>(${y} + base)[p] = result;
    }
    for (int c = packs * ${width} + threadIdx.x; c < ${cols}; c += blockDim.x) {
        ${y}[base + c] = op(${row_loads("c")});
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = ${rows};
    kernel<<<blocks, ${block}>>>(${arguments});
}
