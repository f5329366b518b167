"""From CUDA source to a Program: toolchain, compiler, recorder and cache. The door is `builder.Builder`."""
