%% from "pieces.cu" import head, load_a, load_b, tile_origin, solve_tiles with context
%% set side = tile // per
%% set threads = side * side
${head()}
__global__ void kernel(${parameters}) {
    alignas(4) __shared__ ${element} As[${tile}][${depth + 4}];
    alignas(4) __shared__ ${element} Bs[${tile}][${depth + 4}];
${tile_origin(tile)}
    int tx = threadIdx.x % ${side};
    int ty = threadIdx.x / ${side};
    ${type} acc[${per}][${per}] = {};
    for (long long k0 = 0; k0 < ${K}; k0 += ${depth}) {
        for (int e = threadIdx.x; e < ${tile * depth}; e += ${threads}) {
            int r = e / ${depth};
            int k = e % ${depth};
            ${load_a("As[r][k]", "r", "k")}
        }
        for (int e = threadIdx.x; e < ${tile * depth}; e += ${threads}) {
            int c = e % ${tile};
            int k = e / ${tile};
            ${load_b("Bs[c][k]", "k", "c")}
        }
        __syncthreads();
        #pragma unroll
        for (int k = 0; k < ${depth}; k += 4) {
            #pragma unroll
            for (int i = 0; i < ${per}; i++) {
                #pragma unroll
                for (int j = 0; j < ${per}; j++) {
                    int a = *(const int*)&As[ty + ${side} * i][k];
                    int b = *(const int*)&Bs[tx + ${side} * j][k];
                    acc[i][j] = __dp4a(a, b, acc[i][j]);
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
