%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}) {
    const ${element}* row = ${x} + (long long)blockIdx.x * cols;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        ${element} v = row[c];
        int rank = 0;
        for (int k = 0; k < cols; k++) {
            rank += row[k] ${before} v || (row[k] == v && k < c);
        }
        ${y}[(long long)blockIdx.x * cols + rank] = v;
    }
}

extern "C" void solve(${parameters}) {
    kernel<<<rows, ${block}>>>(${arguments});
}
