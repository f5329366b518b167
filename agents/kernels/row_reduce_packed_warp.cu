%% from "pieces.cu" import head, pack, warp_reduce, state with context
${head()}
${pack(width)}
${state()}
${warp_reduce(operator, type)}
__global__ void kernel(${parameters}) {
    long long row = (long long)blockIdx.x * ${block // 32} + threadIdx.x / 32;
    if (row >= ${rows}) return;
    long long base = row * ${cols};
    int lane = threadIdx.x % 32;
    int packs = ${cols} % ${width} == 0 ? ${cols} / ${width} : 0;
    ${type} v = ${identity};
    for (int p = lane; p < packs; p += 32) {
        Pack<${element}> p${x} = reinterpret_cast<const Pack<${element}>*>(${x} + base)[p];
        #pragma unroll
        for (int k = 0; k < ${width}; k++) {
            ${type} w = ${pack_value("k", "p * " ~ width ~ " + k")};
            v = ${combine(operator)};
        }
    }
    for (int c = packs * ${width} + lane; c < ${cols}; c += 32) {
        ${type} w = ${value("base + c", "c")};
        v = ${combine(operator)};
    }
    v = warp_${operator}(v);
    if (lane == 0) {
        ${y}[row] = ${finish};
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block // 32} + 1;
    kernel<<<blocks, ${block}>>>(${arguments});
}
