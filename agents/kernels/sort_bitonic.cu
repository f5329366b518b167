%% from "pieces.cu" import head with context
${head()}
__global__ void kernel(${parameters}, int padded) {
    extern __shared__ ${element} values[];
    long long base = (long long)blockIdx.x * cols;
    for (int c = threadIdx.x; c < padded; c += blockDim.x) {
        values[c] = c < cols ? ${x}[base + c] : ${last};
    }
    __syncthreads();
    for (int run = 2; run <= padded; run *= 2) {
        for (int step = run / 2; step > 0; step /= 2) {
            for (int e = threadIdx.x; e < padded / 2; e += blockDim.x) {
                int low = 2 * e - (e & (step - 1));
                ${element} a = values[low];
                ${element} b = values[low + step];
                if ((b ${before} a) == ((low & run) == 0)) {
                    values[low] = b;
                    values[low + step] = a;
                }
            }
            __syncthreads();
        }
    }
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        ${y}[base + c] = values[c];
    }
}

extern "C" void solve(${parameters}) {
    int padded = 2;
    while (padded < cols) padded *= 2;
    kernel<<<rows, ${block}, padded * sizeof(${element})>>>(${arguments}, padded);
}
