// hwc_to_chw_u8 | Contiguous bytes into shared memory, the channels out of it.
__global__ void split(const unsigned char* x, unsigned char* y, int pixels) {
    __shared__ unsigned char bytes[3 * 256];
    const long long first = 3ll * 256 * blockIdx.x, end = min(3ll * pixels - first, 768ll);
    for (int b = threadIdx.x; b < end; b += 256) bytes[b] = x[first + b];
    __syncthreads();
    int pixel = blockIdx.x * 256 + threadIdx.x;
    if (pixel < pixels) {
        y[pixel] = bytes[3 * threadIdx.x];
        y[pixel + pixels] = bytes[3 * threadIdx.x + 1];
        y[pixel + 2 * pixels] = bytes[3 * threadIdx.x + 2];
    }
}
extern "C" void solve(const unsigned char* x, unsigned char* y, int height, int width) {
    const int pixels = height * width;
    split<<<(pixels + 255) / 256, 256>>>(x, y, pixels);
}
