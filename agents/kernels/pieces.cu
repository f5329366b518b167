{# Functions that several templates define, word for word alike. They use the variables of whoever imports them. #}
%% macro head()
// algorithm: ${algorithm}
%% for header in headers
#include <${header}>
%% endfor
%% endmacro
%% macro operation()
__device__ ${type} op(${op_parameters}) {
    return ${expression};
}
%% endmacro
%% macro each()
__device__ ${type} value(${"long long " ~ coordinates | map("first") | join(", long long ")}, ${parameters}) {
${body}
}
%% endmacro
%% macro decode(rest, coordinates)
%% for name, axis in coordinates | reverse
%% if loop.last
    long long ${name} = ${rest};
%% else
    long long ${name} = ${rest} % ${axis};
    ${rest} /= ${axis};
%% endif
%% endfor
%% endmacro
%% macro pack(width)
template <typename T>
struct alignas(${width} * sizeof(T)) Pack {
    T e[${width}];
};
%% endmacro
%% macro row_pack()
template <int W>
struct alignas(W * sizeof(${element})) Pack {
    ${element} e[W];
};
%% endmacro
%% macro launch_packed()
    if (${cols} % ${width} == 0) kernel<${width}><<<blocks, ${block}>>>(${arguments});
    else kernel<1><<<blocks, ${block}>>>(${arguments});
%%- endmacro
%% macro warp_reduce(name, type="float")
__device__ ${type} warp_${name}(${type} v) {
    for (int offset = 16; offset > 0; offset /= 2) {
        ${type} w = __shfl_xor_sync(0xffffffff, v, offset);
        v = ${combine(name)};
    }
    return v;
}
%% endmacro
%% macro block_reduce(name, type="float")
__device__ ${type} block_${name}(${type} v) {
    __shared__ ${type} shared[${block}];
    shared[threadIdx.x] = v;
    __syncthreads();
    for (int step = ${block} / 2; step > 0; step /= 2) {
        if (threadIdx.x < step) {
            ${type} w = shared[threadIdx.x + step];
            v = ${combine(name)};
            shared[threadIdx.x] = v;
        }
        __syncthreads();
    }
    v = shared[0];
    __syncthreads();
    return v;
}
%% endmacro
%% macro state()
%% if keyed
__device__ unsigned long long key(float v, long long i) {
    unsigned bits = __float_as_uint(v + 0.0f);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (unsigned long long)bits << 32 | (unsigned)~i;
}
%% endif
%% endmacro
%% macro finish_partials()
__global__ void finish(const ${type}* partials, long long blocks, ${declare([output])}, ${declare(scalars)}) {
    long long count = ${count};
    ${type} v = ${identity};
    for (long long i = threadIdx.x; i < blocks; i += blockDim.x) {
        ${type} w = partials[i];
        v = ${combine(operator)};
    }
    v = block_${operator}(v);
    if (threadIdx.x == 0) {
        ${y}[0] = ${finish};
    }
}
%% endmacro
%% macro solve_partials()
    ${type}* partials;
    cudaMalloc(&partials, blocks * sizeof(${type}));
    kernel<<<blocks, ${block}>>>(${names(inputs)}, partials, ${names(scalars)});
    finish<<<1, ${block}>>>(partials, blocks, ${y}, ${names(scalars)});
    cudaFree(partials);
%%- endmacro
%% macro load_a(to, r, k)
${to} = row0 + ${r} < ${M} && k0 + ${k} < ${K} ? ${a_at("(row0 + " ~ r ~ ")", "k0 + " ~ k)} : ${zero};
%%- endmacro
%% macro load_b(to, k, c)
${to} = k0 + ${k} < ${K} && col0 + ${c} < ${N} ? ${b_at("(k0 + " ~ k ~ ")", "(col0 + " ~ c ~ ")")} : ${zero};
%%- endmacro
%% macro tile_origin(tile)
    unsigned tiles = (${N} - 1) / ${tile} + 1;
    long long row0 = (long long)(blockIdx.x / tiles) * ${tile};
    long long col0 = blockIdx.x % tiles * ${tile};
%%- endmacro
%% macro solve_tiles(tile, block)
extern "C" void solve(${parameters}) {
    unsigned tiles = (${N} - 1) / ${tile} + 1;
    long long blocks = ((${M} - 1) / ${tile} + 1) * (long long)tiles;
    kernel<<<blocks, ${block}>>>(${arguments});
}
%%- endmacro
%% macro block_scan()
__device__ ${type} block_scan(${type} v, ${type}* total) {
    __shared__ ${type} shared[${block}];
    shared[threadIdx.x] = v;
    __syncthreads();
    for (int step = 1; step < ${block}; step *= 2) {
        ${type} w = threadIdx.x >= step ? shared[threadIdx.x - step] : 0;
        __syncthreads();
        v += w;
        shared[threadIdx.x] = v;
        __syncthreads();
    }
    *total = shared[${block - 1}];
    __syncthreads();
    return v;
}
%% endmacro
%% macro warp_scan()
__device__ ${type} warp_scan(${type} v) {
    for (int step = 1; step < 32; step *= 2) {
        ${type} w = __shfl_up_sync(0xffffffff, v, step);
        if (threadIdx.x % 32 >= step) v += w;
    }
    return v;
}
%% endmacro
%% macro warps_scan()
__device__ ${type} block_scan(${type} v, ${type}* total) {
    __shared__ ${type} shared[${block // 32}];
    v = warp_scan(v);
    if (threadIdx.x % 32 == 31) shared[threadIdx.x / 32] = v;
    __syncthreads();
    *total = 0;
    for (int i = 0; i < ${block // 32}; i++) {
        if (i < threadIdx.x / 32) v += shared[i];
        *total += shared[i];
    }
    __syncthreads();
    return v;
}
%% endmacro
%% macro scan_totals()
__global__ void offsets(${type}* totals, long long blocks) {
    ${type} carry = 0;
    for (long long start = 0; start < blocks; start += ${block}) {
        long long i = start + threadIdx.x;
        ${type} v = i < blocks ? totals[i] : 0;
        ${type} total;
        ${type} sum = carry + block_scan(v, &total);
        if (i < blocks) {
            totals[i] = sum - v;
        }
        carry += total;
    }
}
%% endmacro
%% macro stream_keys(start, step)
    long long i = ${index};
    long long base = ${head_of} * seq;
    float query[4];
    for (int j = 0; j < 4; j++) {
        int d = lane + 32 * j;
        query[j] = d < dim ? (float)q[row * dim + d] * ${logit_scale} : 0.0f;
    }
    float acc[4] = {};
    float m = -3.0e38f;
    float s = 0.0f;
    for (long long c = ${first} + ${start}; c <= ${last}; c += ${step}) {
        float dot = 0.0f;
        for (int j = 0; j < 4; j++) {
            int d = lane + 32 * j;
            if (d < dim) dot += query[j] * (float)k[(base + c) * dim + d];
        }
        dot = warp_sum(dot);
        float top = fmaxf(m, dot);
        float fade = expf(m - top);
        float p = expf(dot - top);
        m = top;
        s = s * fade + p;
        for (int j = 0; j < 4; j++) {
            int d = lane + 32 * j;
            acc[j] = acc[j] * fade + (d < dim ? p * (float)v[(base + c) * dim + d] : 0.0f);
        }
    }
%%- endmacro
