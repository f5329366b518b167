"""A conversation with Claude about one spec: the question, and verdicts that ask for a better kernel.

The system prompt is the same for every spec and card, so that one cache entry serves them all. Everything a writer
must know about a spec is in `cudagym.prompts.render`, which is the first message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cudagym import prompts
from cudagym.agents.ledger import Answered
from cudagym.rollouts import Message
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

AGENT = "claude"
FEEDBACK_CHARACTERS = 12_000
"""Of a verdict's message that are sent back. A compiler can say very much about one missing brace."""

SYSTEM = """\
You write CUDA kernels. Each task specifies one operation and names the card it is for. Your answer is compiled by
nvcc, checked on many shapes and input distributions against a float64 reference, and timed. Fast counts, but only
what is right counts at all.

How an answer is taken
- The last fenced block of your answer that starts with ```cuda is the whole source file: one translation unit with
  includes, helpers, kernels and the host function solve with exactly the given signature. Say what you like around
  it; nothing outside the block is compiled.
- After an answer you may be shown its verdict. Answer with the whole corrected file again, not with a patch.

How a verdict reads
- build_failed: nvcc's own message. The lines it names are those of your file.
- rejected: host code asked for what cannot be recorded, such as copying device memory to the host.
- violation: host code tried to leave its box. Do not open files, start threads or processes, or touch device memory.
- launch_failed: the card would refuse the launch: too many threads per block, too much shared memory, an empty grid.
- faulted: an access out of bounds, a misaligned access, a race in shared memory, a read of uninitialised memory that
  changes a result, a barrier that not all threads reach, a deadlock. The message names the line and the element.
- wrong: the first element that is wrong, what it was, what it should have been, and for which shape and inputs.
- timed_out: far too many instructions.
- correct: everything was right; the time, the fraction of the roofline it reaches, and what limits it.

What makes kernels wrong
- Sizes that are not multiples of the block, tile or vector width, down to 1. Guard every access; mask the tail.
- Element counts past 2^31: compute flat indices in 64 bits, and mind the product of two ints.
- 16-byte accesses need 16-byte alignment. A row of an odd number of floats does not start at one: fall back to
  scalar accesses for such rows.
- Grids have limits: 2^31 - 1 blocks in x, 65535 in y and z. A grid-stride loop never needs to exceed them.
- Sums in float32 over long rows: split them over many accumulators and combine pairwise. Subtract the maximum before
  exponentials. Compute variances around the mean, not from sums of squares.
- NaN and infinity among the inputs must come out as the reference has them: fmaxf drops a NaN.
- __syncthreads must be reached by all threads of the block, and shared memory that is reused needs one before the
  next write. Shuffles need every lane named in their mask to take part.
- Atomics make the order of a sum vary; scratch memory and outputs hold garbage until you write them.

What makes kernels fast
- Most operations move bytes: read each input once, write each output once, fuse passes. Neighbouring lanes access
  neighbouring addresses, 16 bytes per lane where alignment allows, several independent loads in flight per thread.
- Reduce within a warp by shuffles, across warps through a few words of shared memory, across blocks by a second small
  kernel or one atomic per block. Keep a row in registers between its passes when it fits.
- Matrix products: tile in shared memory, then in registers (8 by 8 per thread is a good start), with padding or
  swizzled layout against bank conflicts. Transpositions go through a padded tile.
- Give every SM work: at least two blocks for each, a few hundred threads per block, registers below 128 per thread.
  Small problems pay for launches: use few of them.
- Integer division and modulo per element are slow; derive rows and columns from the grid where you can.

An example of the form, for y[i] = a * x[i] * x[i]:

```cuda
__global__ void square(const float* __restrict__ x, float* __restrict__ y, float a, long long n) {
    long long stride = (long long)gridDim.x * blockDim.x;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const float4* packed = reinterpret_cast<const float4*>(x);
    for (long long k = i; k < n / 4; k += stride) {
        float4 v = packed[k];
        reinterpret_cast<float4*>(y)[k] =
            make_float4(a * v.x * v.x, a * v.y * v.y, a * v.z * v.z, a * v.w * v.w);
    }
    for (long long k = n / 4 * 4 + i; k < n; k += stride) y[k] = a * x[k] * x[k];
}

extern "C" void solve(const float* x, float* y, float a, int n) {
    long long blocks = (n / 4 + 255) / 256 + 1;
    square<<<blocks < 1056 ? (int)blocks : 1056, 256>>>(x, y, a, n);
}
```
"""


@dataclass
class Conversation:
    """One sample for one spec: its answers so far, each with its verdict once there is one."""

    spec: KernelSpec
    sample: int
    question: str
    answers: list[Answered] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    agent: str = AGENT

    @property
    def key(self) -> str:
        """Of the next attempt."""
        return f"{self.agent}/{self.spec.name}/{self.sample}.{len(self.answers)}"

    def messages(self) -> tuple[Message, ...]:
        """What leads to the first answer that has no verdict yet."""
        found = [Message(role="user", content=self.question)]
        for answered, verdict in zip(self.answers, self.verdicts, strict=False):
            found.append(Message(role="assistant", content=answered.text or "(empty)"))
            found.append(Message(role="user", content=_reply(answered.text, verdict)))
        return tuple(found)

    def is_over(self, *, attempts: int, until: float) -> bool:
        """Whether nothing more is asked: it was refused or cut off, the grader failed, it is good, or long enough."""
        if not self.answers:
            return False
        if not self.answers[-1].is_candidate or len(self.answers) >= attempts:
            return True
        if len(self.verdicts) < len(self.answers):
            return False
        last = self.verdicts[-1]
        if last.status == "grader_error":  # not the kernel's fault, unless it used what the card cannot do
            return "unsupported" not in last.message
        return last.fraction_of_peak is not None and last.fraction_of_peak >= until


def _reply(text: str, verdict: Verdict) -> str:
    told = prompts.feedback(verdict.model_copy(update={"message": verdict.message[:FEEDBACK_CHARACTERS]}))
    if not prompts.has_block(text):
        told += "There was no fenced block in your answer, so its whole text was taken for the source.\n"
    if verdict.status == "correct":
        return f"{told}It is right. Make it faster, and answer with the whole file in one ```cuda block."
    return f"{told}Find the cause, and answer with the whole corrected file in one ```cuda block."


def system_message() -> Message:
    return Message(role="system", content=SYSTEM)


def size(messages: Sequence[Message]) -> int:
    """Bytes of a prompt: a bound on its tokens, of which none is shorter than a byte."""
    return sum(len(message.content.encode()) + 32 for message in messages) + 256
