// Products of row-major matrices of fp32, c = a b: a is m x k, b is k x n. A ladder from one element per thread to tiles
// of blocks, warps and threads.

constexpr int WARP = 32;

// An element of c per thread, from a row of a and a column of b.
extern "C" __global__ void multiply_naive(const float* a, const float* b, float* c, int m, int n, int k)
{
    const int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || column >= n) return;
    float sum = 0;
    for (int i = 0; i < k; i++) sum += a[row * k + i] * b[i * n + column];
    c[row * n + column] = sum;
}

// The block goes along k by tiles that it shares.
extern "C" __global__ void multiply_tiles(const float* a, const float* b, float* c, int m, int n, int k)
{
    constexpr int SIDE = 32;
    __shared__ float a_tile[SIDE][SIDE], b_tile[SIDE][SIDE];
    const int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * SIDE, column = blockIdx.x * SIDE;
    a += row * k;
    b += column;
    float sum = 0;
    for (int done = 0; done < k; done += SIDE) {
        a_tile[y][x] = y < m - row && x < k - done ? a[y * k + x] : 0;
        b_tile[y][x] = y < k - done && x < n - column ? b[y * n + x] : 0;
        __syncthreads();
        for (int i = 0; i < SIDE; i++) sum += a_tile[y][i] * b_tile[i][x];
        __syncthreads();
        a += SIDE;
        b += SIDE * n;
    }
    if (y < m - row && x < n - column) c[(row + y) * n + column + x] = sum;
}

// The block's threads fill a tile, one row of threads after the other, with zeros outside of the matrix.
template <int threads, int height, int width>
__device__ void load(float (*tile)[width], const float* from, int stride, int rows, int columns)
{
    for (int i = threadIdx.x; i < height * width; i += threads) {
        const int row = i / width, column = i % width;
        tile[row][column] = row < rows && column < columns ? from[row * stride + column] : 0;
    }
}

// Each thread makes many elements, as far apart as the block has threads. (They are numbered at run time, so the sums
// lie in local memory.)
extern "C" __global__ void multiply_coarse(const float* a, const float* b, float* c, int m, int n, int k)
{
    constexpr int SIDE = 128, DEPTH = 32, THREADS = 256;
    __shared__ float a_tile[SIDE][DEPTH], b_tile[DEPTH][SIDE];
    const int blocks = (n + SIDE - 1) / SIDE, row = blockIdx.x / blocks * SIDE, column = blockIdx.x % blocks * SIDE;
    a += row * k;
    b += column;
    c += row * n + column;
    float sums[SIDE * SIDE / THREADS] = {};
    for (int done = 0; done < k; done += DEPTH) {
        load<THREADS, SIDE>(a_tile, a, k, m - row, k - done);
        load<THREADS, DEPTH>(b_tile, b, n, k - done, n - column);
        __syncthreads();
        for (int e = threadIdx.x; e < SIDE * SIDE; e += THREADS)
            for (int i = 0; i < DEPTH; i++) sums[e / THREADS] += a_tile[e / SIDE][i] * b_tile[i][e % SIDE];
        __syncthreads();
        a += DEPTH;
        b += DEPTH * n;
    }
    for (int e = threadIdx.x; e < SIDE * SIDE; e += THREADS) {
        const int y = e / SIDE, x = e % SIDE;
        if (y < m - row && x < n - column) c[y * n + x] = sums[e / THREADS];
    }
}

// A block's tile of c consists of its warps' tiles, those of patches, and a patch of a tile per lane, thread_n wide.
template <int m_of_block, int n_of_block, int depth_, int m_of_warp, int n_of_warp, int m_of_patch, int n_of_patch,
          int n_of_thread>
struct Tiling {
    static constexpr int block_m = m_of_block, block_n = n_of_block, depth = depth_;
    static constexpr int patch_m = m_of_patch, patch_n = n_of_patch;
    static constexpr int patches_m = m_of_warp / patch_m, patches_n = n_of_warp / patch_n;
    static constexpr int thread_n = n_of_thread, thread_m = patch_m * patch_n / (WARP * thread_n);
    static constexpr int threads = block_m * block_n / (m_of_warp * n_of_warp) * WARP;

    int row, column;     // of c, where the block's tile begins
    int y, x;            // in there, where the thread's first tile begins
    float sums[patches_m][patches_n][thread_m][thread_n] = {};

    __device__ explicit Tiling(int n)
    {
        const int blocks = (n + block_n - 1) / block_n, warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
        constexpr int warps = block_n / n_of_warp, lanes = patch_n / thread_n;
        row = blockIdx.x / blocks * block_m;
        column = blockIdx.x % blocks * block_n;
        y = warp / warps * m_of_warp + lane / lanes * thread_m;
        x = warp % warps * n_of_warp + lane % lanes * thread_n;
    }

    __device__ void add(const float (&left)[patches_m][thread_m], const float (&right)[patches_n][thread_n])
    {
        for (int pm = 0; pm < patches_m; pm++)
            for (int pn = 0; pn < patches_n; pn++)
                for (int i = 0; i < thread_m; i++)
                    for (int j = 0; j < thread_n; j++) sums[pm][pn][i][j] += left[pm][i] * right[pn][j];
    }
};

// Each thread holds its tiles' sums in registers, and loads a column of a and a row of b for each step along k.
template <typename T>
__device__ void multiply_in_registers(const float* a, const float* b, float* c, int m, int n, int k)
{
    __shared__ float a_tile[T::block_m][T::depth], b_tile[T::depth][T::block_n];
    T t(n);
    a += t.row * k;
    b += t.column;
    for (int done = 0; done < k; done += T::depth) {
        load<T::threads, T::block_m>(a_tile, a, k, m - t.row, k - done);
        load<T::threads, T::depth>(b_tile, b, n, k - done, n - t.column);
        __syncthreads();
        for (int i = 0; i < T::depth; i++) {
            float left[T::patches_m][T::thread_m], right[T::patches_n][T::thread_n];
            for (int p = 0; p < T::patches_m; p++)
                for (int j = 0; j < T::thread_m; j++) left[p][j] = a_tile[t.y + p * T::patch_m + j][i];
            for (int p = 0; p < T::patches_n; p++)
                for (int j = 0; j < T::thread_n; j++) right[p][j] = b_tile[i][t.x + p * T::patch_n + j];
            t.add(left, right);
        }
        __syncthreads();
        a += T::depth;
        b += T::depth * n;
    }
    const int row = t.row + t.y, column = t.column + t.x;
    c += row * n + column;
    for (int pm = 0; pm < T::patches_m; pm++)
        for (int pn = 0; pn < T::patches_n; pn++)
            for (int i = 0; i < T::thread_m; i++)
                for (int j = 0; j < T::thread_n; j++) {
                    const int y = pm * T::patch_m + i, x = pn * T::patch_n + j;
                    if (y < m - row && x < n - column) c[y * n + x] = t.sums[pm][pn][i][j];
                }
}

// A tile of 8 x 8 per thread, in registers.
extern "C" __global__ void multiply_threads(const float* a, const float* b, float* c, int m, int n, int k)
{
    multiply_in_registers<Tiling<128, 128, 32, 16, 128, 16, 128, 8>>(a, b, c, m, n, k);
}

// Warps have tiles of 32 x 32, of two patches; threads have two tiles of 4 x 4.
extern "C" __global__ void multiply_warps(const float* a, const float* b, float* c, int m, int n, int k)
{
    multiply_in_registers<Tiling<128, 64, 64, 32, 32, 16, 32, 4>>(a, b, c, m, n, k);
}

__device__ const float4& four(const float* p)
{
    return *reinterpret_cast<const float4*>(p);
}

__device__ float4& four(float* p)
{
    return *reinterpret_cast<float4*>(p);
}

// Fills a tile, or the transpose of one, by four elements of a row at once.
template <int threads, int height, int width, bool turned>
__device__ void load_fours(float* tile, const float* from, int stride)
{
    for (int first = 0; first < height * width; first += threads * 4) {
        const int i = first + threadIdx.x * 4, row = i / width, column = i % width;
        const float4 v = four(&from[row * stride + column]);
        if (turned) {
            tile[column * height + row] = v.x;
            tile[(column + 1) * height + row] = v.y;
            tile[(column + 2) * height + row] = v.z;
            tile[(column + 3) * height + row] = v.w;
        } else {
            four(&tile[row * width + column]) = v;
        }
    }
}

// Four elements at once wherever they lie side by side, and no bounds: tiles divide the matrices.
template <typename T, bool turned>
__device__ void multiply_by_fours(const float* a, const float* b, float* c, int n, int k)
{
    __shared__ float a_tile[T::block_m * T::depth], b_tile[T::depth * T::block_n];
    T t(n);
    a += t.row * k;
    b += t.column;
    for (int done = 0; done < k; done += T::depth) {
        load_fours<T::threads, T::block_m, T::depth, turned>(a_tile, a, k);
        load_fours<T::threads, T::depth, T::block_n, false>(b_tile, b, n);
        __syncthreads();
        for (int i = 0; i < T::depth; i++) {
            float left[T::patches_m][T::thread_m], right[T::patches_n][T::thread_n];
            for (int p = 0; p < T::patches_m; p++) {
                const int row = t.y + p * T::patch_m;
                if (turned)
                    for (int j = 0; j < T::thread_m; j += 4) four(&left[p][j]) = four(&a_tile[i * T::block_m + row + j]);
                else
                    for (int j = 0; j < T::thread_m; j++) left[p][j] = a_tile[(row + j) * T::depth + i];
            }
            for (int p = 0; p < T::patches_n; p++)
                for (int j = 0; j < T::thread_n; j += 4)
                    four(&right[p][j]) = four(&b_tile[i * T::block_n + t.x + p * T::patch_n + j]);
            t.add(left, right);
        }
        __syncthreads();
        a += T::depth;
        b += T::depth * n;
    }
    c += (t.row + t.y) * n + t.column + t.x;
    for (int pm = 0; pm < T::patches_m; pm++)
        for (int pn = 0; pn < T::patches_n; pn++)
            for (int i = 0; i < T::thread_m; i++)
                for (int j = 0; j < T::thread_n; j += 4)
                    four(&c[(pm * T::patch_m + i) * n + pn * T::patch_n + j]) = four(&t.sums[pm][pn][i][j]);
}

// Warps have tiles of 64 x 64, of eight patches; loads and stores are 16 bytes wide, but for a in shared memory.
extern "C" __global__ void multiply_fours(const float* a, const float* b, float* c, int, int n, int k)
{
    multiply_by_fours<Tiling<128, 128, 16, 64, 64, 16, 32, 4>, false>(a, b, c, n, k);
}

// The tile of a is kept transposed, so its loads are 16 bytes wide too; threads have four tiles of 8 x 4.
extern "C" __global__ void multiply_turned(const float* a, const float* b, float* c, int, int n, int k)
{
    multiply_by_fours<Tiling<64, 128, 8, 64, 64, 32, 32, 4>, true>(a, b, c, n, k);
}
