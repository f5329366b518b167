// Copies of n elements of type ELEMENT.

using Word = unsigned long long;

struct Walk {
    size_t first, stride;
    __device__ Walk() : first(blockDim.x * blockIdx.x + threadIdx.x), stride(blockDim.x * gridDim.x) {}
};

// An element per thread.
extern "C" __global__ void copy_elements(ELEMENT* __restrict__ to, const ELEMENT* __restrict__ from, size_t n)
{
    const Walk walk;
    for (size_t i = walk.first; i < n; i += walk.stride) to[i] = from[i];
}

// Each element goes through shared memory.
extern "C" __global__ void copy_shared(ELEMENT* __restrict__ to, const ELEMENT* __restrict__ from, size_t n)
{
    __shared__ ELEMENT held[1024];
    const Walk walk;
    for (size_t i = walk.first; i < n; i += walk.stride) {
        held[threadIdx.x] = from[i];
        to[i] = held[threadIdx.x];
    }
}

// Eight bytes per thread and turn; what is left over goes by elements.
extern "C" __global__ void copy_words(ELEMENT* __restrict__ to, const ELEMENT* __restrict__ from, size_t n)
{
    const Walk walk;
    for (size_t i = walk.first; i * sizeof(Word) / sizeof(ELEMENT) < n; i += walk.stride) {
        if ((i + 1) * sizeof(Word) / sizeof(ELEMENT) < n) {
            reinterpret_cast<Word*>(to)[i] = reinterpret_cast<const Word*>(from)[i];
        } else {
            const size_t start = i * sizeof(Word) / sizeof(ELEMENT), left = n - start;
            for (size_t k = 0; k < left; k++) to[start + k] = from[start + k];
        }
    }
}
