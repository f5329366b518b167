%% from "pieces.cu" import head, pack, warp_reduce with context
${head()}
${pack(width)}
${warp_reduce(operator, type)}
__global__ void kernel(${parameters}) {
    long long count = ${count};
    long long packs = count / ${width};
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    long long stride = (long long)gridDim.x * blockDim.x;
    long long tail = packs * ${width} + i;
    ${type} v = tail < count ? ${x}[tail] : ${identity};
    for (; i < packs; i += stride) {
        Pack<${element}> p${x} = reinterpret_cast<const Pack<${element}>*>(${x})[i];
        for (int k = 0; k < ${width}; k++) {
            ${type} w = p${x}.e[k];
            v = ${combine(operator)};
        }
    }
    v = warp_${operator}(v);
    if (threadIdx.x % 32 == 0) {
        atomicAdd(${y}, v);
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = count / ${width} / ${block} + 1;
    if (blocks > ${blocks}) blocks = ${blocks};
    cudaMemset(${y}, 0, sizeof(float));
    kernel<<<blocks, ${block}>>>(${arguments});
}
