"""Sources for relu_fp32, one for every way a candidate can end."""

RELU = """
__global__ void relu(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaxf(x[i], 0.0f);
}
"""
SOLVE = 'extern "C" void solve(const float* x, float* y, int n) { %s }'
LAUNCH = "relu<<<(n + 255) / 256, 256>>>(x, y, n);"
CORRECT = RELU + SOLVE % LAUNCH


def kernel(body: str, launch: str = LAUNCH, before: str = "") -> str:
    """A source whose kernel `relu` has this body, `i` being its element."""
    index = "int i = blockIdx.x * blockDim.x + threadIdx.x;"
    return f"{before}__global__ void relu(const float* x, float* y, int n) {{ {index} {body} }}\n" + SOLVE % launch


# name -> (source, status, what the message must say)
CANDIDATES: dict[str, tuple[str, str, str]] = {
    "correct": (CORRECT, "correct", "of peak"),
    "zeros": (kernel("if (i < n) y[i] = 0.0f;"), "wrong", "expected"),
    "copy": (kernel("if (i < n) y[i] = x[i];"), "wrong", "expected 0"),
    "skipped tail": (kernel("if (i < n / 4 * 4) y[i] = fmaxf(x[i], 0.0f);"), "wrong", "never written"),
    "untouched": (kernel("if (n < 0) y[i] = x[i];"), "wrong", "never written"),
    "nothing launched": (SOLVE % "", "wrong", "launched no kernel"),
    "modified input": (kernel("if (i < n) ((float*)x)[i] = y[i] = fmaxf(x[i], 0.0f);"), "wrong", "x"),
    "wrong only when timed": (
        RELU.replace("relu", "full")
        + "__global__ void cheap(const float* x, float* y, int n) { y[threadIdx.x] = 0.0f; }\n"
        + SOLVE % "if (n > 1000000) cheap<<<1, 32>>>(x, y, n); else full<<<(n + 255) / 256, 256>>>(x, y, n);",
        "wrong",
        "y",
    ),
    "cheap inside the kernel": (
        kernel("if (n > 1000000 && i > n / 2) return; if (i < n) y[i] = fmaxf(x[i], 0.0f);"),
        "wrong",
        "y",
    ),
    "syntax error": (CORRECT.replace("fmaxf(", "fmaxf(("), "build_failed", "candidate.cu"),
    "no solve": (RELU, "build_failed", "solve"),
    "wrong signature": (
        CORRECT.replace("(const float* x, float* y, int n) { relu", "(float* y, int n) { const float* x = 0; relu"),
        "build_failed",
        "solve",
    ),
    "empty": ("", "build_failed", "empty"),
    "binary": ("\x00\x01\x7fELF\ud800", "build_failed", ""),
    "one megabyte": (CORRECT + "int unused;\n" * 100_000, "build_failed", ""),
    "read back": (
        RELU + SOLVE % ("float h; cudaMemcpy(&h, x, 4, cudaMemcpyDeviceToHost);" + LAUNCH),
        "rejected",
        "cudaMemcpy",
    ),
    "managed memory": (
        RELU + SOLVE % ("float* p; cudaMallocManaged(&p, 4);" + LAUNCH),
        "rejected",
        "cudaMallocManaged",
    ),
    "host dereference": (RELU + SOLVE % "y[0] = x[0];", "violation", "device address"),
    "fork": ("#include <unistd.h>\n" + RELU + SOLVE % ("fork();" + LAUNCH), "violation", ""),
    "too many threads": (RELU + SOLVE % "relu<<<(n + 2047) / 2048, 2048>>>(x, y, n);", "launch_failed", "2048"),
    "out of bounds": (kernel("y[i] = fmaxf(x[i], 0.0f);"), "faulted", "past the end of"),
    "misaligned": (
        kernel(
            "if (i < n) y[i] = fmaxf(x[i], 0.0f); float a, b;"
            ' if (n > 2 && i == 0) asm volatile("ld.global.v2.f32 {%0, %1}, [%2];" : "=f"(a), "=f"(b) : "l"(x + 1));'
        ),
        "faulted",
        "aligned",
    ),
    "divergent barrier": (
        kernel(
            'if (threadIdx.x < 7) asm volatile("bar.sync 1;"); else asm volatile("bar.sync 2;");'
            " if (i < n) y[i] = fmaxf(x[i], 0.0f);"
        ),
        "faulted",
        "barrier",
    ),
    "race": (
        kernel(
            "__shared__ float s[256]; s[threadIdx.x] = i < n ? x[i] : 0.0f;"
            " if (i < n) y[i] = fmaxf(s[255 - (255 - threadIdx.x)], 0.0f) + 0.0f * s[threadIdx.x ^ 32];"
        ),
        "faulted",
        "race",
    ),
    "race between blocks": (
        kernel("if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * (i >= 256 ? y[i - 256] : 0.0f);"),
        "faulted",
        "orders the two blocks",
    ),
    "uninitialised shared": (
        kernel("__shared__ float s[256]; if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * s[threadIdx.x];"),
        "faulted",
        "uninitialised",
    ),
    "uninitialised output": (
        kernel("if (i < n) y[i] = fmaxf(x[i], 0.0f) + 0.0f * y[i];"),
        "faulted",
        "reads y[0] (line 1), which nothing has written",
    ),
    "shared memory without opt-in": (
        RELU + SOLVE % "relu<<<(n + 255) / 256, 256, 64 << 10>>>(x, y, n);",
        "launch_failed",
        "cudaFuncAttributeMaxDynamicSharedMemorySize",
    ),
    "shared memory with opt-in": (
        RELU
        + SOLVE
        % (
            "cudaFuncSetAttribute(relu, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10);"
            " relu<<<(n + 255) / 256, 256, 64 << 10>>>(x, y, n);"
        ),
        "correct",
        "of peak",
    ),
    "too many registers": (
        kernel(
            "float s[120]; if (i < n) {"
            " for (int k = 0; k < 120; k++) s[k] = x[(i + k) % n];"
            " for (int t = 0; t < n % 3; t++) for (int k = 0; k < 120; k++) s[k] = s[k] * s[(k + 7) % 120] + t;"
            " float sum = 0; for (int k = 0; k < 120; k++) sum += s[k]; y[i] = sum; }",
            "relu<<<(n + 1023) / 1024, 1024>>>(x, y, n);",
        ),
        "launch_failed",
        "registers",
    ),
    "device trap": (kernel("if (i == 3) __trap();"), "faulted", "trap"),
    "endless kernel": (
        kernel("for (unsigned k = 0; k < 8 || x[k % n] == x[k % n]; ++k) y[k % n] = fmaxf(x[k % n], 0.0f);"),
        "timed_out",
        "",
    ),
    "endless wait": (kernel("while (x[0] == x[0]) if (i < n) y[i] = fmaxf(x[i], 0.0f);"), "faulted", "deadlock"),
    "endless host": (
        RELU + SOLVE % ("volatile int go = 1; while (go) {}" + LAUNCH),
        "rejected",
        "without returning",
    ),
    "unsupported": (
        kernel('asm volatile("cp.async.bulk.commit_group;"); if (i < n) y[i] = fmaxf(x[i], 0.0f);'),
        "grader_error",
        "unsupported: cp.async.bulk",
    ),
}
