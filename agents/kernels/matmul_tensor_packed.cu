%% from "pieces.cu" import head, tile_origin, solve_tiles with context
%% set depth = 2 * step
${head()}
#include <mma.h>
using namespace nvcuda;

struct alignas(16) Pack {
    ${element} e[${width}];
};

// The pack at (row, col) of a matrix with `cols` columns: zeros outside, element by element where it is unaligned.
__device__ Pack load(const ${element}* from, long long row, long long col, long long rows, long long cols) {
    Pack pack = {};
    if (row < rows && cols % ${width} == 0 && col < cols) {
        pack = *reinterpret_cast<const Pack*>(from + row * cols + col);
    } else if (row < rows) {
        for (int k = 0; k < ${width} && col + k < cols; k++) {
            pack.e[k] = from[row * cols + col + k];
        }
    }
    return pack;
}

__global__ void kernel(${parameters}) {
    alignas(32) __shared__ ${element} As[128][${depth + width}];
    alignas(32) __shared__ ${element} Bs[${depth}][${128 + width}];
    alignas(32) __shared__ float Cs[8][16][20];
${tile_origin(128)}
    int warp = threadIdx.x / 32;
    int top = warp / 2 * 32;
    int left = warp % 2 * 64;
    wmma::fragment<wmma::accumulator, 16, 16, ${step}, float> acc[2][4];
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 4; j++) {
            wmma::fill_fragment(acc[i][j], 0.0f);
        }
    }
    for (long long k0 = 0; k0 < ${K}; k0 += ${depth}) {
        for (int e = threadIdx.x; e < ${128 * depth // width}; e += 256) {
            int r = e / ${depth // width};
            int k = e % ${depth // width} * ${width};
            *reinterpret_cast<Pack*>(&As[r][k]) = load(${a}, row0 + r, k0 + k, ${M}, ${K});
        }
        for (int e = threadIdx.x; e < ${128 * depth // width}; e += 256) {
            int k = e / ${128 // width};
            int c = e % ${128 // width} * ${width};
            *reinterpret_cast<Pack*>(&Bs[k][c]) = load(${b}, k0 + k, col0 + c, ${K}, ${N});
        }
        __syncthreads();
        #pragma unroll
        for (int k = 0; k < ${depth}; k += ${step}) {
            wmma::fragment<wmma::matrix_a, 16, 16, ${step}, ${fragment}, wmma::row_major> a[2];
            for (int i = 0; i < 2; i++) {
                wmma::load_matrix_sync(a[i], &As[top + 16 * i][k], ${depth + width});
%% if fragment != element
                for (int t = 0; t < a[i].num_elements; t++) {
                    a[i].x[t] = wmma::__float_to_tf32(a[i].x[t]);
                }
%% endif
            }
            for (int j = 0; j < 4; j++) {
                wmma::fragment<wmma::matrix_b, 16, 16, ${step}, ${fragment}, wmma::row_major> b;
                wmma::load_matrix_sync(b, &Bs[k][left + 16 * j], ${128 + width});
%% if fragment != element
                for (int t = 0; t < b.num_elements; t++) {
                    b.x[t] = wmma::__float_to_tf32(b.x[t]);
                }
%% endif
                for (int i = 0; i < 2; i++) {
                    wmma::mma_sync(acc[i][j], a[i], b, acc[i][j]);
                }
            }
        }
        __syncthreads();
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 4; j++) {
            wmma::store_matrix_sync(&Cs[warp][0][0], acc[i][j], 20, wmma::mem_row_major);
            __syncwarp();
            for (int e = threadIdx.x % 32; e < 256; e += 32) {
                long long row = row0 + top + 16 * i + e / 16;
                long long col = col0 + left + 16 * j + e % 16;
                if (row < ${M} && col < ${N}) {
                    ${store("row", "col", "Cs[warp][e / 16][e % 16]")}
                }
            }
            __syncwarp();
        }
    }
}

${solve_tiles(128, 256)}
