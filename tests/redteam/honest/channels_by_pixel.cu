// hwc_to_chw_u8 | A thread per pixel reads its three bytes.
struct Pixel {
    unsigned char c[3];
};
__global__ void split(const Pixel* x, unsigned char* y, int pixels) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= pixels) return;
    Pixel p = x[i];
    for (int k = 0; k < 3; k++) y[(long long)k * pixels + i] = p.c[k];
}
extern "C" void solve(const unsigned char* x, unsigned char* y, int height, int width) {
    split<<<(height * width + 255) / 256, 256>>>((const Pixel*)x, y, height * width);
}
