"""The clock: how long a program would take on a GPU that is not there.

`sass` reads what ptxas made of a kernel, `follow` executes that machine code for a sample of thread blocks and writes
down what each warp did, `replay` lets the warps of one SM compete for its pipes, caches and barriers, `l2` plays what
the SMs share, and `model` puts the launch together. `bounds` holds the same work against each limit alone: it says
what binds.
"""
