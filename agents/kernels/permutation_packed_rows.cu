%% from "pieces.cu" import head with context
${head()}
template <int N>
struct alignas(${width} * sizeof(${element})) Pack {
    ${element} e[N];
};

__global__ void kernel(${declare(inputs)}, ${declare([output])}, long long rows) {
    long long row = ((long long)blockIdx.x * blockDim.x + threadIdx.x) * ${width};
    if (row >= rows) return;
    if (rows % ${width} == 0) {
        auto in = *reinterpret_cast<const Pack<${width * cols}>*>(${x} + row * ${cols});
        for (int col = 0; col < ${cols}; col++) {
            Pack<${width}> result;
            for (int k = 0; k < ${width}; k++) {
                result.e[k] = in.e[k * ${cols} + col];
            }
            *reinterpret_cast<Pack<${width}>*>(${y} + col * rows + row) = result;
        }
    } else {
        for (int e = 0; e < ${width * cols} && row + e / ${cols} < rows; e++) {
            ${y}[e % ${cols} * rows + row + e / ${cols}] = ${x}[row * ${cols} + e];
        }
    }
}

extern "C" void solve(${parameters}) {
    long long blocks = (${rows} - 1) / ${block * width} + 1;
    kernel<<<blocks, ${block}>>>(${x}, ${y}, ${rows});
}
