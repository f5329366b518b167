// abs_diff_u8 | Four bytes per access, a difference of larger and smaller.
__device__ unsigned char apart(unsigned char a, unsigned char b) { return max(a, b) - min(a, b); }
__global__ void differences(const uchar4* a, const uchar4* b, uchar4* out, int words) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= words) return;
    uchar4 p = a[i], q = b[i];
    out[i] = {apart(p.x, q.x), apart(p.y, q.y), apart(p.z, q.z), apart(p.w, q.w)};
}
__global__ void rest(const unsigned char* a, const unsigned char* b, unsigned char* out, int from, int n) {
    int i = from + threadIdx.x;
    if (i < n) out[i] = apart(a[i], b[i]);
}
extern "C" void solve(const unsigned char* a, const unsigned char* b, unsigned char* out, int n) {
    int words = n / 4;
    if (words) differences<<<(words + 255) / 256, 256>>>((const uchar4*)a, (const uchar4*)b, (uchar4*)out, words);
    if (n % 4) rest<<<1, 4>>>(a, b, out, 4 * words, n);
}
