%% from "pieces.cu" import head, load_a, load_b, tile_origin, solve_tiles with context
${head()}
#include <mma.h>
using namespace nvcuda;

__global__ void kernel(${parameters}) {
    alignas(32) __shared__ ${element} As[64][${depth + 8}];
    alignas(32) __shared__ ${element} Bs[${depth}][72];
    alignas(32) __shared__ float Cs[64][72];
${tile_origin(64)}
    int warp = threadIdx.x / 32;
    wmma::fragment<wmma::accumulator, 16, 16, ${step}, float> acc[4];
    for (int j = 0; j < 4; j++) {
        wmma::fill_fragment(acc[j], 0.0f);
    }
    for (long long k0 = 0; k0 < ${K}; k0 += ${depth}) {
        for (int e = threadIdx.x; e < ${64 * depth}; e += 128) {
            int r = e / ${depth};
            int k = e % ${depth};
            ${load_a("As[r][k]", "r", "k")}
        }
        for (int e = threadIdx.x; e < ${64 * depth}; e += 128) {
%% if transposed
            int c = e / ${depth};
            int k = e % ${depth};
%% else
            int c = e % 64;
            int k = e / 64;
%% endif
            ${load_b("Bs[k][c]", "k", "c")}
        }
        __syncthreads();
        for (int k = 0; k < ${depth}; k += ${step}) {
            wmma::fragment<wmma::matrix_a, 16, 16, ${step}, ${fragment}, wmma::row_major> a;
            wmma::load_matrix_sync(a, &As[16 * warp][k], ${depth + 8});
%% if fragment != element
            for (int i = 0; i < a.num_elements; i++) {
                a.x[i] = wmma::__float_to_tf32(a.x[i]);
            }
%% endif
            for (int j = 0; j < 4; j++) {
                wmma::fragment<wmma::matrix_b, 16, 16, ${step}, ${fragment}, wmma::row_major> b;
                wmma::load_matrix_sync(b, &Bs[k][16 * j], 72);
%% if fragment != element
                for (int i = 0; i < b.num_elements; i++) {
                    b.x[i] = wmma::__float_to_tf32(b.x[i]);
                }
%% endif
                wmma::mma_sync(acc[j], a, b, acc[j]);
            }
        }
        __syncthreads();
    }
    for (int j = 0; j < 4; j++) {
        wmma::store_matrix_sync(&Cs[16 * warp][16 * j], acc[j], 72, wmma::mem_row_major);
    }
    __syncthreads();
    for (int e = threadIdx.x; e < 64 * 64; e += 128) {
        long long row = row0 + e / 64;
        long long col = col0 + e % 64;
        if (row < ${M} && col < ${N}) {
            ${store("row", "col", "Cs[e / 64][e % 64]")}
        }
    }
}

${solve_tiles(64, 128)}
