// Transposes: y is x with rows and columns exchanged, in three ladders. Matrices are row-major; x has `rows` rows and `columns` columns.

// ---------------------------------------------------------------------------------------------------------------------
// Blocks of 32 x 32 threads, an element each, 64-bit indices, any size.

// A warp reads a column and writes a row.
extern "C" __global__ void transpose_rows_written(const float* x, float* y, size_t rows, size_t columns)
{
    const size_t j = threadIdx.x + blockIdx.x * blockDim.x, i = threadIdx.y + blockIdx.y * blockDim.y;
    if (i < columns && j < rows) y[i * rows + j] = x[j * columns + i];
}

// A warp reads a row and writes a column.
extern "C" __global__ void transpose_rows_read(const float* x, float* y, size_t rows, size_t columns)
{
    const size_t j = threadIdx.x + blockIdx.x * blockDim.x, i = threadIdx.y + blockIdx.y * blockDim.y;
    if (i < rows && j < columns) y[j * rows + i] = x[i * columns + j];
}

// Through a tile in shared memory, both are rows: the tile is written by columns, into rows that are one element longer.
extern "C" __global__ void transpose_tile(const float* x, float* y, size_t rows, size_t columns)
{
    __shared__ float tile[32][33];
    const size_t j = threadIdx.x + blockIdx.x * blockDim.x, i = threadIdx.y + blockIdx.y * blockDim.y;
    if (i < rows && j < columns) tile[threadIdx.x][threadIdx.y] = x[i * columns + j];
    __syncthreads();
    const size_t out_j = threadIdx.x + blockIdx.y * blockDim.y, out_i = threadIdx.y + blockIdx.x * blockDim.x;
    if (out_i < columns && out_j < rows) y[out_i * rows + out_j] = tile[threadIdx.y][threadIdx.x];
}

// A tile that is written by rows and read by columns. `place` says where in its row an element lies.
template <int width, typename Place>
__device__ void transpose_by_tile(const float* x, float* y, size_t rows, size_t columns, Place place)
{
    __shared__ float tile[32][width];
    const size_t j = threadIdx.x + blockIdx.x * blockDim.x, i = threadIdx.y + blockIdx.y * blockDim.y;
    if (i < rows && j < columns) tile[threadIdx.y][place(threadIdx.y, threadIdx.x)] = x[i * columns + j];
    __syncthreads();
    const size_t thread = threadIdx.x + threadIdx.y * blockDim.x, from_column = thread / 32, from_row = thread % 32;
    const size_t out_j = from_row + blockIdx.y * blockDim.y, out_i = from_column + blockIdx.x * blockDim.x;
    if (out_i < columns && out_j < rows) y[out_i * rows + out_j] = tile[from_row][place(from_row, from_column)];
}

// A column of the tile lies in one bank.
extern "C" __global__ void transpose_conflicts(const float* x, float* y, size_t rows, size_t columns)
{
    transpose_by_tile<32>(x, y, rows, columns, [](size_t, size_t column) { return column; });
}

// Rows are one element longer, so a column lies in 32 banks.
extern "C" __global__ void transpose_padded(const float* x, float* y, size_t rows, size_t columns)
{
    transpose_by_tile<33>(x, y, rows, columns, [](size_t, size_t column) { return column; });
}

// Instead, each row is permuted by its number (swizzled), which takes no more memory.
extern "C" __global__ void transpose_swizzled(const float* x, float* y, size_t rows, size_t columns)
{
    transpose_by_tile<32>(x, y, rows, columns, [](size_t row, size_t column) { return (row ^ column) % 32; });
}

// ---------------------------------------------------------------------------------------------------------------------
// Blocks of 256 threads, numbered through.

// Reads run along the rows of x.
extern "C" __global__ void line_rows_read(const float* x, float* y, int rows, int columns)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, row = i / columns, column = i % columns;
    if (i < rows * columns) y[column * rows + row] = x[i];
}

// Writes run along the rows of y.
extern "C" __global__ void line_rows_written(const float* x, float* y, int rows, int columns)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, column = i / rows, row = i % rows;
    if (i < rows * columns) y[i] = x[row * columns + column];
}

__device__ const float4& vector(const float* x, int i)
{
    return reinterpret_cast<const float4*>(x)[i];
}

__device__ float4& vector(float* y, int i)
{
    return reinterpret_cast<float4*>(y)[i];
}

// Four elements of a row of x are read at once.
extern "C" __global__ void line_vectors_read(const float* x, float* y, int rows, int columns)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, column = 4 * i % columns, row = 4 * i / columns;
    if (row >= rows || column + 3 >= columns) return;
    const float4 v = vector(x, i);
    y[column * rows + row] = v.x;
    y[(column + 1) * rows + row] = v.y;
    y[(column + 2) * rows + row] = v.z;
    y[(column + 3) * rows + row] = v.w;
}

// Four elements of a row of y are written at once.
extern "C" __global__ void line_vectors_written(const float* x, float* y, int rows, int columns)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, column = 4 * i / rows, row = 4 * i % rows;
    if (row >= rows || column >= columns) return;
    vector(y, i) = make_float4(x[row * columns + column], x[(row + 1) * columns + column],
                               x[(row + 2) * columns + column], x[(row + 3) * columns + column]);
}

// ---------------------------------------------------------------------------------------------------------------------
// Blocks of 16 x 16 threads.

constexpr int SIDE = 16;

struct Thread {
    int x, y;
    __device__ Thread() : x(blockIdx.x * blockDim.x + threadIdx.x), y(blockIdx.y * blockDim.y + threadIdx.y) {}
};

// A half warp reads a row of x.
extern "C" __global__ void square_rows_read(const float* x, float* y, int rows, int columns)
{
    const Thread t;
    if (t.x < columns && t.y < rows) y[t.x * rows + t.y] = x[t.y * columns + t.x];
}

// Blocks that run together lie on a diagonal of y. For square matrices.
extern "C" __global__ void square_diagonal(const float* x, float* y, int rows, int columns)
{
    const int block_row = blockIdx.x, block_column = (blockIdx.x + blockIdx.y) % gridDim.x;
    const int column = threadIdx.x + blockDim.x * block_column, row = threadIdx.y + blockDim.y * block_row;
    if (column < columns && row < rows) y[row * columns + column] = x[column * rows + row];
}

// Each thread reads four elements of a row of x at once.
extern "C" __global__ void square_vectors_read(const float* x, float* y, int rows, int columns)
{
    const Thread t;
    if (t.x * 4 + 3 >= columns || t.y >= rows) return;
    const float4 v = vector(x, t.y * columns / 4 + t.x);
    y[t.x * 4 * rows + t.y] = v.x;
    y[(t.x * 4 + 1) * rows + t.y] = v.y;
    y[(t.x * 4 + 2) * rows + t.y] = v.z;
    y[(t.x * 4 + 3) * rows + t.y] = v.w;
}

// The four elements of column t.x of x that thread t turns into a vector.
__device__ float4 column_of_four(const float* x, const Thread& t, int columns)
{
    return make_float4(x[t.y * 4 * columns + t.x], x[(t.y * 4 + 1) * columns + t.x],
                       x[(t.y * 4 + 2) * columns + t.x], x[(t.y * 4 + 3) * columns + t.x]);
}

// Each thread writes four elements of a row of y at once.
extern "C" __global__ void square_vectors_written(const float* x, float* y, int rows, int columns)
{
    const Thread t;
    if (t.y * 4 + 3 < rows && t.x < columns) vector(y, t.x * rows / 4 + t.y) = column_of_four(x, t, columns);
}

// Through shared memory, both are vectors. A tile has 16 rows of 64 elements, and `padding` more in each.
template <int padding>
__device__ void wide_tile(const float* x, float* y, int rows, int columns)
{
    __shared__ float tile[SIDE][SIDE * 4 + padding];
    const Thread t;
    if (t.x * 4 >= columns || t.y >= rows) return;
    const float4 v = vector(x, t.y * columns / 4 + t.x);
    float* to = &tile[threadIdx.y][threadIdx.x * 4];
    if (padding == 0)
        vector(to, 0) = v;
    else
        to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
    __syncthreads();
    // 16 rows of y by 4 vectors are 64 rows by 1.
    const int row = threadIdx.y % 4 * 4, column = threadIdx.x * 4 + threadIdx.y / 4;
    const float4 out = make_float4(tile[row][column], tile[row + 1][column], tile[row + 2][column], tile[row + 3][column]);
    const int out_row = t.x * 4 + threadIdx.y / 4, out_column = row + blockIdx.y * blockDim.y;
    vector(y, (out_row * rows + out_column) / 4) = out;
}

extern "C" __global__ void square_wide(const float* x, float* y, int rows, int columns)
{
    wide_tile<0>(x, y, rows, columns);
}

// Rows of the tile are one element longer, which costs the vector stores.
extern "C" __global__ void square_wide_padded(const float* x, float* y, int rows, int columns)
{
    wide_tile<1>(x, y, rows, columns);
}

// Through shared memory, a half warp reads and writes single elements. A tile has 64 rows of 16.
template <int padding>
__device__ void tall_tile(const float* x, float* y, int rows, int columns)
{
    __shared__ float tile[SIDE * 4][SIDE + padding];
    const Thread t;
    if (t.y * 4 >= rows || t.x >= columns) return;
    const float4 v = column_of_four(x, t, columns);
    tile[threadIdx.y * 4][threadIdx.x] = v.x;
    tile[threadIdx.y * 4 + 1][threadIdx.x] = v.y;
    tile[threadIdx.y * 4 + 2][threadIdx.x] = v.z;
    tile[threadIdx.y * 4 + 3][threadIdx.x] = v.w;
    __syncthreads();
    const int row = threadIdx.x * 4 + threadIdx.y / 4, column = threadIdx.y % 4 * 4;
    const float4 out = make_float4(tile[row][column], tile[row][column + 1], tile[row][column + 2], tile[row][column + 3]);
    const int out_row = blockIdx.x * blockDim.x + column, out_column = blockIdx.y * blockDim.y * 4 + row;
    y[out_row * rows + out_column] = out.x;
    y[(out_row + 1) * rows + out_column] = out.y;
    y[(out_row + 2) * rows + out_column] = out.z;
    y[(out_row + 3) * rows + out_column] = out.w;
}

extern "C" __global__ void square_tall(const float* x, float* y, int rows, int columns)
{
    tall_tile<0>(x, y, rows, columns);
}

// Rows of the tile are one element longer.
extern "C" __global__ void square_tall_padded(const float* x, float* y, int rows, int columns)
{
    tall_tile<1>(x, y, rows, columns);
}
