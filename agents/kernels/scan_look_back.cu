%% from "pieces.cu" import head, warp_scan, warps_scan with context
${head()}
${warp_scan()}
${warps_scan()}
__global__ void kernel(${declare(inputs)}, ${declare([output])}, volatile ${type}* sums, int* flags, ${declare(scalars)}) {
    __shared__ int ticket;
    __shared__ ${type} before;
    long long count = ${count};
    long long blocks = (count - 1) / ${items * block} + 1;
    if (threadIdx.x == 0) ticket = atomicAdd(&flags[blocks], 1);
    __syncthreads();
    int tile = ticket;
    long long start = (long long)tile * ${items * block} + threadIdx.x * ${items};
    ${type} v[${items}];
    ${type} own = 0;
    for (int k = 0; k < ${items}; k++) {
        v[k] = start + k < count ? ${x}[start + k] : 0;
        own += v[k];
    }
    ${type} total;
    ${type} sum = block_scan(own, &total) - own;
    if (threadIdx.x == 0) {
        sums[tile] = total;
        __threadfence();
        atomicExch(&flags[tile], 1);
        before = 0;
        for (int b = tile - 1; b >= 0; b--) {
            int flag = 0;
            while (flag == 0) flag = atomicAdd(&flags[b], 0);
            __threadfence();
            before += sums[flag == 2 ? blocks + b : b];
            if (flag == 2) break;
        }
        sums[blocks + tile] = before + total;
        __threadfence();
        atomicExch(&flags[tile], 2);
    }
    __syncthreads();
    sum += before;
    for (int k = 0; k < ${items} && start + k < count; k++) {
        ${y}[start + k] = sum${"" if exclusive else " + v[k]"};
        sum += v[k];
    }
}

extern "C" void solve(${parameters}) {
    long long count = ${count};
    long long blocks = (count - 1) / ${items * block} + 1;
    ${type}* sums;
    int* flags;
    cudaMalloc(&sums, 2 * blocks * sizeof(${type}));
    cudaMalloc(&flags, (blocks + 1) * sizeof(int));
    cudaMemset(flags, 0, (blocks + 1) * sizeof(int));
    kernel<<<blocks, ${block}>>>(${x}, ${y}, sums, flags, ${names(scalars)});
    cudaFree(sums);
    cudaFree(flags);
}
