"""The kernels one can be asked to write: declared by family, found by name, split for held-out evaluation.

`get("gelu_fp32")` finds a spec of ours, `get("my_specs.py:name")` one in a file of yours: any Python file that
defines `KernelSpec` objects at its top level, or a list of them called `SPECS`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from pydantic import ValidationError

from cudagym.errors import UsageError
from cudagym.hardware import GPUS
from cudagym.specs import (
    attention,
    compaction,
    convolution,
    elementwise,
    fused_elementwise,
    histogram,
    loss,
    matmul,
    norm,
    permutation,
    pooling,
    quantized_matmul,
    reduction,
    scan,
    softmax,
    sort,
    stencil,
)
from cudagym.specs.fingerprint import spec_hash
from cudagym.specs.spec import SPLITS, KernelSpec, Split

UNSEEN_HARDWARE = "unseen_hardware"
"""What attempts at train specs count as on a card that is held out: no spec's own split."""

__all__ = [
    "FAMILIES",
    "SPLITS",
    "UNSEEN_HARDWARE",
    "KernelSpec",
    "Split",
    "all_specs",
    "get",
    "load",
    "select",
    "spec_hash",
    "split",
    "split_on",
]

_MODULES: tuple[ModuleType, ...] = (
    elementwise,
    fused_elementwise,
    reduction,
    softmax,
    norm,
    permutation,
    matmul,
    quantized_matmul,
    attention,
    loss,
    convolution,
    pooling,
    stencil,
    scan,
    histogram,
    compaction,
    sort,
)
FAMILIES: tuple[str, ...] = tuple(module.__name__.rpartition(".")[2] for module in _MODULES)


@cache
def _by_name() -> dict[str, KernelSpec]:
    specs = [spec for module in _MODULES for spec in module.SPECS]
    return {spec.name: spec for spec in sorted(specs, key=lambda s: (FAMILIES.index(s.family), s.name))}


def all_specs() -> tuple[KernelSpec, ...]:
    """Every spec of cudagym, by family in the order of `FAMILIES`, then by name."""
    return tuple(_by_name().values())


def split(name: Split) -> tuple[KernelSpec, ...]:
    """The specs of one split. Raises UsageError for a split that does not exist."""
    if name not in SPLITS:
        raise UsageError(f"no split is called {name!r}; there are {', '.join(SPLITS)}")
    return tuple(spec for spec in all_specs() if spec.split == name)


def split_on(spec: KernelSpec, device: str) -> str:
    """What an attempt at `spec` on a device (`sim:h100`) counts as: the spec's split, but for a train spec on a card
    that is held out `unseen_hardware`."""
    card = GPUS.get(device.rpartition(":")[2])
    return UNSEEN_HARDWARE if spec.split == "train" and card and card.held_out else spec.split


def get(name: str) -> KernelSpec:
    """The spec called `name`, or for `path/to/file.py:name` the one of that name in a user's own file.

    Raises UsageError with close matches when there is none.
    """
    if name.endswith(".py"):
        names = [f"{name}:{spec.name}" for spec in load(name)]
        raise UsageError(f"{name} is a whole file of specs: choose {' or '.join(names)}")
    path, _, last = name.rpartition(":")
    known = {spec.name: spec for spec in load(path)} if path else _by_name()
    return _find(last, known, path)


def select(names: str | Iterable[str]) -> tuple[KernelSpec, ...]:
    """Specs by name, by split, or all specs of a user's file (`my_specs.py`), in the order given.

    Raises UsageError for a name that is none of these.
    """
    chosen: dict[str, KernelSpec] = {}
    for name in [names] if isinstance(names, str) else names:
        found = _group(name) or (get(name),)
        chosen.update((spec.name, spec) for spec in found)
    return tuple(chosen.values())


def _group(name: str) -> tuple[KernelSpec, ...]:
    for known in SPLITS:
        if name == known:
            return split(known)
    return load(name) if name.endswith(".py") else ()


def load(path: str | Path) -> tuple[KernelSpec, ...]:
    """The specs a Python file defines: its list `SPECS`, else its top-level `KernelSpec` objects.

    The file is run in this process, as an import would. Raises UsageError when it is missing, fails or
    defines none.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise UsageError(
            f"there is no spec file {path}; give the path of a Python file that defines KernelSpec objects"
        )
    module = _run(file)
    found = getattr(module, "SPECS", None)
    if found is None:
        found = [value for value in vars(module).values() if isinstance(value, KernelSpec)]
    if not isinstance(found, list | tuple) or not all(isinstance(spec, KernelSpec) for spec in found):
        raise UsageError(f"SPECS in {path} must be a list of KernelSpec objects")
    if not found:
        raise UsageError(f"{path} defines no KernelSpec: put one at its top level, or a list of them in SPECS")
    names = [spec.name for spec in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"{path} defines {', '.join(sorted(twice))} more than once")
    return tuple(found)


def _find(name: str, known: dict[str, KernelSpec], path: str) -> KernelSpec:
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "`cudagym specs` lists them."
    if path:
        hint = f"it has {', '.join(known)}."
    raise UsageError(f"no spec is called {name!r}{f' in {path}' if path else ''}; {hint}")


def _run(file: Path) -> ModuleType:
    """Executes a user's file as a module, so that `inspect` finds the source of its functions."""
    name = "cudagym_user_specs_" + sha256(str(file).encode()).hexdigest()[:16]
    sys.modules[name] = module = ModuleType(name)
    module.__file__ = str(file)
    try:
        exec(compile(file.read_bytes(), str(file), "exec"), vars(module))
    except (Exception, SystemExit) as error:  # A user's file may raise anything, and all of it is for them to mend.
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"{file}, line {line}" if line else str(file)
        raise UsageError(f"the spec file {where} failed: {_reason(error)}") from None
    return module


def _reason(error: BaseException) -> str:
    """What a user's file raised, on one line; of a refused declaration, the first thing that is wrong with it."""
    if isinstance(error, SystemExit):
        return f"it ends the program, with sys.exit({error.code!r})"
    if not isinstance(error, ValidationError):
        return " ".join(f"{type(error).__name__}: {error}".split())
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = str(first.get("ctx", {}).get("error") or first["msg"])
    return f"{error.title} refuses {f'`{where}`: ' if where else 'it: '}{reason}"
