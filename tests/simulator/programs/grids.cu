// Transposes and stencils.
#include <cuda_fp16.h>

constexpr int TILE = 32, ROWS = 8;

__global__ void transpose_naive(const float* x, float* y, int width, int height) {
    const int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (col < width && row < height) y[col * height + row] = x[row * width + col];
}

template <int Padding>
__device__ void transpose(const float* x, float* y, int width, int height) {
    __shared__ float tile[TILE][TILE + Padding];
    int col = blockIdx.x * TILE + threadIdx.x, row = blockIdx.y * TILE + threadIdx.y;
    for (int j = 0; j < TILE; j += ROWS)
        if (col < width && row + j < height) tile[threadIdx.y + j][threadIdx.x] = x[(row + j) * width + col];
    __syncthreads();
    col = blockIdx.y * TILE + threadIdx.x;
    row = blockIdx.x * TILE + threadIdx.y;
    for (int j = 0; j < TILE; j += ROWS)
        if (col < height && row + j < width) y[(row + j) * height + col] = tile[threadIdx.x][threadIdx.y + j];
}

__global__ void transpose_tiled(const float* x, float* y, int width, int height) { transpose<0>(x, y, width, height); }
__global__ void transpose_padded(const float* x, float* y, int width, int height) { transpose<1>(x, y, width, height); }

// Instead of padding, columns are exchanged by an exclusive or with the row.
__global__ void transpose_swizzled(const float* x, float* y, int width, int height) {
    __shared__ float tile[TILE * TILE];
    const int tx = threadIdx.x;
    for (int r = threadIdx.y; r < TILE; r += ROWS) {
        const int col = blockIdx.x * TILE + tx, row = blockIdx.y * TILE + r;
        if (col < width && row < height) tile[r * TILE + (tx ^ r)] = x[row * width + col];
    }
    __syncthreads();
    for (int r = threadIdx.y; r < TILE; r += ROWS) {
        const int col = blockIdx.y * TILE + tx, row = blockIdx.x * TILE + r;
        if (col < height && row < width) y[row * height + col] = tile[tx * TILE + (r ^ tx)];
    }
}

// Two halves at a time: 64 x 32 halves in, pairs put together anew on the way out.
__global__ void transpose_half2(const __half2* x, __half2* y, int width, int height) {
    __shared__ __half2 tile[64][33];
    const int pairs = width / 2;
    for (int r = threadIdx.y; r < 64; r += blockDim.y)
        tile[r][threadIdx.x] = x[(blockIdx.y * 64 + r) * pairs + blockIdx.x * 32 + threadIdx.x];
    __syncthreads();
    for (int c = threadIdx.y; c < 64; c += blockDim.y) {
        const __half2 a = tile[2 * threadIdx.x][c / 2], b = tile[2 * threadIdx.x + 1][c / 2];
        const __half2 pair = c % 2 ? __highs2half2(a, b) : __lows2half2(a, b);
        y[(blockIdx.x * 64 + c) * (height / 2) + blockIdx.y * 32 + threadIdx.x] = pair;
    }
}

// Five points, with a halo in shared memory; zero outside.
__global__ void stencil_2d(const float* x, float* y, int width, int height) {
    constexpr int B = 16;
    __shared__ float t[B + 2][B + 2];
    const int lx = threadIdx.x + 1, ly = threadIdx.y + 1;
    const int gx = blockIdx.x * B + threadIdx.x, gy = blockIdx.y * B + threadIdx.y;
    auto at = [&](int i, int j) { return i >= 0 && i < width && j >= 0 && j < height ? x[j * width + i] : 0.0f; };
    t[ly][lx] = at(gx, gy);
    if (threadIdx.x == 0) t[ly][0] = at(gx - 1, gy);
    if (threadIdx.x == B - 1) t[ly][B + 1] = at(gx + 1, gy);
    if (threadIdx.y == 0) t[0][lx] = at(gx, gy - 1);
    if (threadIdx.y == B - 1) t[B + 1][lx] = at(gx, gy + 1);
    __syncthreads();
    if (gx < width && gy < height)
        y[gy * width + gx] = 0.5f * t[ly][lx] + 0.125f * (t[ly][lx - 1] + t[ly][lx + 1] + t[ly - 1][lx] + t[ly + 1][lx]);
}

// Seven points: each thread walks a column and keeps it in registers.
__global__ void stencil_3d(const float* x, float* y, int nx, int ny, int nz) {
    __shared__ float plane[10][18];
    const int i = blockIdx.x * 16 + threadIdx.x, j = blockIdx.y * 8 + threadIdx.y, layer = nx * ny;
    const bool inside = i < nx && j < ny;
    const int here = j * nx + i;
    float behind = 0.0f, current = inside ? x[here] : 0.0f, front = inside && nz > 1 ? x[layer + here] : 0.0f;
    for (int k = 0; k < nz; ++k) {
        plane[threadIdx.y + 1][threadIdx.x + 1] = current;
        if (threadIdx.x == 0) plane[threadIdx.y + 1][0] = inside && i > 0 ? x[k * layer + here - 1] : 0.0f;
        if (threadIdx.x == 15) plane[threadIdx.y + 1][17] = inside && i + 1 < nx ? x[k * layer + here + 1] : 0.0f;
        if (threadIdx.y == 0) plane[0][threadIdx.x + 1] = inside && j > 0 ? x[k * layer + here - nx] : 0.0f;
        if (threadIdx.y == 7) plane[9][threadIdx.x + 1] = inside && j + 1 < ny ? x[k * layer + here + nx] : 0.0f;
        __syncthreads();
        if (inside) {
            const float around = plane[threadIdx.y + 1][threadIdx.x] + plane[threadIdx.y + 1][threadIdx.x + 2] +
                                 plane[threadIdx.y][threadIdx.x + 1] + plane[threadIdx.y + 2][threadIdx.x + 1];
            y[k * layer + here] = current - 0.1f * (6.0f * current - around - behind - front);
        }
        __syncthreads();
        behind = current;
        current = front;
        front = inside && k + 2 < nz ? x[(k + 2) * layer + here] : 0.0f;
    }
}
