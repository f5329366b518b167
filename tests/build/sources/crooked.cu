// One program that cannot be recorded, or must not be, per value of n.
#include <signal.h>
#include <stdexcept>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

__global__ void one(float* out) { *out = 1; }
__global__ void __launch_bounds__(64) few(float* out) { *out = 1; }
__global__ void grow(float* out) {
  extern __shared__ float memory[];
  *out = memory[0];
}

extern "C" void solve(const float* a, const float* b, float* out, int n) {
  float value = 0, *pointer = nullptr;
  cudaEvent_t event = nullptr;
  volatile int zero = 0;
  char text[256];
  void* arguments[] = {&out};
  switch (n) {
    case 1: cudaMemcpy(&value, a, 4, cudaMemcpyDeviceToHost); break;
    case 2: cudaMallocManaged(&pointer, 4); break;
    case 3: cudaMallocHost(&pointer, 4); break;
    case 4: cudaEventElapsedTime(&value, event, event); break;
    case 5: out[0] = a[0]; break;
    case 6: memcpy(text, b, sizeof text), puts(text); break;
    case 7: *(volatile int*)16 = 1; break;
    case 8: zero = 7 / zero; break;
    case 9: fork(); break;
    case 10: socket(AF_INET, SOCK_STREAM, 0); break;
    case 11: fopen("/etc/passwd", "r"); break;
    case 12: execl("/bin/true", "true", nullptr); break;
    case 13: for (;;) zero = 1; break;
    case 14: fprintf(stderr, "giving up\n"); exit(3);
    case 15: throw std::runtime_error("no way");
    case 16: for (int i = 0; i < 1001; i++) one<<<1, 1>>>(out); break;
    case 17: cudaMemset(out, 0, 1025); break;
    case 18: one<<<1, 1025>>>(out); break;
    case 19: few<<<1, 65>>>(out); break;
    case 20: grow<<<1, 32, 49153>>>(out); break;
    case 21: one<<<0, 32>>>(out); break;
    case 22: cudaLaunchCooperativeKernel((void*)one, dim3(133 * 2), dim3(1024), arguments, 0, nullptr); break;
    case 23: write(3, "\1\0\0\0\4\0\0\0nope", 12); break;
    case 24: write(3, "\1", 1); break;
    case 25: cudaFree(out); cudaMalloc(&pointer, 8); cudaFree(pointer); cudaMemset(pointer, 0, 8); break;
    case 26: printf("%s", (const char*)out); break;
    case 27: kill(getpid(), SIGTERM); break;
  }
}
