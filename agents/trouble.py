"""Trouble with the machine while training, said in a sentence: a full disk, too little memory, a server that is gone.

The libraries report these as errors of many kinds, some of them plain RuntimeErrors; here they become
InfrastructureError. Nothing is lost: stages go on from their last checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cudagym.errors import InfrastructureError

_NOT_WRITTEN = re.compile(
    r"No space left|File too large|quota exceeded|Read-only file system|Permission denied|"
    r"inline_container|PytorchStreamWriter|I/O error|Input/output error"
)
"""What the operating system, torch and safetensors say of files that cannot be written whole."""
_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory", re.IGNORECASE)


@contextmanager
def trouble(stage: str, folder: Path, server: str | None = None) -> Iterator[None]:
    """Raises InfrastructureError where the machine fails in what is done for `stage` in `folder`. `server` is the
    address of the vLLM server that it talks to, if any."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, MemoryError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        again = "then repeat the command: it goes on from its last checkpoint."
        if isinstance(error, MemoryError) or _MEMORY.search(reason):
            raise InfrastructureError(
                f"stage {stage} ran out of memory ({reason or 'no more is known'}): end what else uses it, {again} Or "
                f"start another run with a lower {stage}.per_device_train_batch_size."
            ) from None
        if _NOT_WRITTEN.search(reason):
            raise InfrastructureError(
                f"stage {stage} cannot write to {folder}: {reason}. Make space, {again}"
            ) from None
        if server is not None and isinstance(error, OSError):
            raise InfrastructureError(
                f"the vLLM server at {server} does not answer ({reason}): start it, {again} "
                "Or set grpo.vllm_mode=colocate."
            ) from None
        raise
