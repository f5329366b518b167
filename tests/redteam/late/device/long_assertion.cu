// relu_fp32 | faulted/grader_error/build_failed | executor: messages are short | Fails an assertion whose text has a hundred thousand letters, with terminal escapes in it.
#include <cassert>
#define A "\033[2J<script>aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B A A A A A A A A A A
#define C B B B B B B B B B B
#define D C C C C C C C C C C
__global__ void relu(const float* x, float* y, int n) {
    __assert_fail(D, D, 1, D);
}
extern "C" void solve(const float* x, float* y, int n) { relu<<<1, 32>>>(x, y, n); }
