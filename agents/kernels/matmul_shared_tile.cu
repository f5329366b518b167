%% from "pieces.cu" import head, load_a, load_b, tile_origin, solve_tiles with context
${head()}
__global__ void kernel(${parameters}) {
    __shared__ ${type} As[${tile}][${tile + 1}];
    __shared__ ${type} Bs[${tile}][${tile + 1}];
${tile_origin(tile)}
    int tx = threadIdx.x % ${tile};
    int ty = threadIdx.x / ${tile};
    ${type} acc = 0;
    for (long long k0 = 0; k0 < ${K}; k0 += ${tile}) {
        ${load_a("As[ty][tx]", "ty", "tx")}
%% if transposed
        ${load_b("Bs[tx][ty]", "tx", "ty")}
%% else
        ${load_b("Bs[ty][tx]", "ty", "tx")}
%% endif
        __syncthreads();
        for (int k = 0; k < ${tile}; k++) {
            acc += As[ty][k] * Bs[k][tx];
        }
        __syncthreads();
    }
    if (row0 + ty < ${M} && col0 + tx < ${N}) {
        ${store("(row0 + ty)", "(col0 + tx)", "acc")}
    }
}

${solve_tiles(tile, tile * tile)}
