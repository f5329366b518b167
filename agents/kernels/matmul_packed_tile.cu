%% from "pieces.cu" import head, load_a, load_b, tile_origin, solve_tiles with context
${head()}
__global__ void kernel(${parameters}) {
    alignas(16) __shared__ float As[${depth}][132];
    alignas(16) __shared__ float Bs[${depth}][132];
${tile_origin(128)}
    int tx = threadIdx.x % 16;
    int ty = threadIdx.x / 16;
    float acc[8][8] = {};
    for (long long k0 = 0; k0 < ${K}; k0 += ${depth}) {
        for (int e = threadIdx.x; e < ${128 * depth}; e += 256) {
            int r = e / ${depth};
            int k = e % ${depth};
            ${load_a("As[k][r]", "r", "k")}
        }
        for (int e = threadIdx.x; e < ${128 * depth}; e += 256) {
%% if transposed
            int c = e / ${depth};
            int k = e % ${depth};
%% else
            int c = e % 128;
            int k = e / 128;
%% endif
            ${load_b("Bs[k][c]", "k", "c")}
        }
        __syncthreads();
        #pragma unroll
        for (int k = 0; k < ${depth}; k++) {
            float a[8];
            float b[8];
            #pragma unroll
            for (int i = 0; i < 8; i += 4) {
                *(float4*)&a[i] = *(const float4*)&As[k][ty * 4 + i * 16];
                *(float4*)&b[i] = *(const float4*)&Bs[k][tx * 4 + i * 16];
            }
            #pragma unroll
            for (int i = 0; i < 8; i++) {
                #pragma unroll
                for (int j = 0; j < 8; j++) {
                    acc[i][j] += a[i] * b[j];
                }
            }
        }
        __syncthreads();
    }
    #pragma unroll
    for (int i = 0; i < 8; i++) {
        #pragma unroll
        for (int j = 0; j < 8; j++) {
            long long row = row0 + ty * 4 + i / 4 * 64 + i % 4;
            long long col = col0 + tx * 4 + j / 4 * 64 + j % 4;
            if (row < ${M} && col < ${N}) {
                ${store("row", "col", "acc[i][j]")}
            }
        }
    }
}

${solve_tiles(128, 256)}
