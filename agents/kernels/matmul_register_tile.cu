%% from "pieces.cu" import head, load_a, load_b, tile_origin, solve_tiles with context
%% set side = tile // per
%% set threads = side * side
${head()}
__global__ void kernel(${parameters}) {
    __shared__ ${type} As[${depth}][${tile + 1}];
    __shared__ ${type} Bs[${depth}][${tile + 1}];
${tile_origin(tile)}
    int tx = threadIdx.x % ${side};
    int ty = threadIdx.x / ${side};
    ${type} acc[${per}][${per}] = {};
    for (long long k0 = 0; k0 < ${K}; k0 += ${depth}) {
        for (int e = threadIdx.x; e < ${tile * depth}; e += ${threads}) {
            int r = e / ${depth};
            int k = e % ${depth};
            ${load_a("As[k][r]", "r", "k")}
        }
        for (int e = threadIdx.x; e < ${tile * depth}; e += ${threads}) {
%% if transposed
            int c = e / ${depth};
            int k = e % ${depth};
%% else
            int c = e % ${tile};
            int k = e / ${tile};
%% endif
            ${load_b("Bs[k][c]", "k", "c")}
        }
        __syncthreads();
        #pragma unroll
        for (int k = 0; k < ${depth}; k++) {
            #pragma unroll
            for (int i = 0; i < ${per}; i++) {
                #pragma unroll
                for (int j = 0; j < ${per}; j++) {
                    acc[i][j] += As[k][ty + ${side} * i] * Bs[k][tx + ${side} * j];
                }
            }
        }
        __syncthreads();
    }
    #pragma unroll
    for (int i = 0; i < ${per}; i++) {
        #pragma unroll
        for (int j = 0; j < ${per}; j++) {
            long long row = row0 + ty + ${side} * i;
            long long col = col0 + tx + ${side} * j;
            if (row < ${M} && col < ${N}) {
                ${store("row", "col", "acc[i][j]")}
            }
        }
    }
}

${solve_tiles(tile, threads)}
