/* The kernels of simulator.cu as the scalar loops that one would write for a CPU. */
#include <math.h>
#include <string.h>

void vector_add(const float *x, const float *y, float *out, int n) {
    for (int i = 0; i < n; i++) out[i] = x[i] + y[i];
}

void sgemm(const float *a, const float *b, float *c, int n) {
    for (int row = 0; row < n; row++)
        for (int col = 0; col < n; col++) {
            float sum = 0.0f;
            for (int k = 0; k < n; k++) sum += a[row * n + k] * b[k * n + col];
            c[row * n + col] = sum;
        }
}

void softmax(const float *x, float *y, int n) {
    for (int row = 0; row < n; row++) {
        float top = -INFINITY, sum = 0.0f;
        for (int i = 0; i < n; i++) top = fmaxf(top, x[row * n + i]);
        for (int i = 0; i < n; i++) sum += expf(x[row * n + i] - top);
        for (int i = 0; i < n; i++) y[row * n + i] = expf(x[row * n + i] - top) / sum;
    }
}

void reduction(const float *x, float *out, int n) {
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += x[i];
    *out = sum;
}
