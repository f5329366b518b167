%% from "pieces.cu" import head, pack, warp_scan, warps_scan with context
${head()}
${pack(items)}
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
    long long start = ((long long)tile * ${block} + threadIdx.x) * ${items};
    bool whole = start + ${items} <= count;
    Pack<${element}> in = {};
    if (whole) in = *reinterpret_cast<const Pack<${element}>*>(${x} + start);
    for (int k = 0; k < ${items} && !whole && start + k < count; k++) {
        in.e[k] = ${x}[start + k];
    }
    ${type} own = 0;
    for (int k = 0; k < ${items}; k++) {
        own += in.e[k];
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
    Pack<${output.dtype.c}> out;
    for (int k = 0; k < ${items}; k++) {
        out.e[k] = sum${"" if exclusive else " + in.e[k]"};
        sum += in.e[k];
    }
    if (whole) *reinterpret_cast<Pack<${output.dtype.c}>*>(${y} + start) = out;
    for (int k = 0; k < ${items} && !whole && start + k < count; k++) {
        ${y}[start + k] = out.e[k];
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
