%% from "pieces.cu" import head, operation, pack with context
${head()}
${pack(width)}
${operation()}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long packs = count / ${width};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < packs) {
%% for input in packable
        Pack<${input.dtype.c}> p${input.name} = reinterpret_cast<const Pack<${input.dtype.c}>*>(${input.name})[i];
%% endfor
        Pack<${output.dtype.c}> result;
        for (int k = 0; k < ${width}; k++) {
            result.e[k] = op(${pack_loads("k")});
        }
        reinterpret_cast<Pack<${output.dtype.c}>*>(${y})[i] = result;
    }
    long long tail = packs * ${width} + i;
    if (tail < count) {
        ${y}[tail] = op(${loads("tail")});
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = count / ${width} / ${block} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
