"""What the simulated GPU lacks, and what a kernel can use instead."""

from __future__ import annotations

from cudagym.simulator.ptx import Instruction

_CLUSTERS = "thread block clusters are not simulated: let every block work on its own, through global memory"
_BULK = "bulk and tensor copies (TMA) are not simulated: use cp.async, cuda::memcpy_async of threads, or plain loads"
_TENSORS = "warpgroup tensor instructions are not simulated: use mma.sync or nvcuda::wmma"
_SPARSE = "sparse matrices are not simulated: use mma.sync on dense ones"
_TEXTURES = "textures and surfaces are not simulated: use plain loads"

_INSTEAD = {
    "barrier.cluster": _CLUSTERS,
    "mapa": _CLUSTERS,
    "getctarank": _CLUSTERS,
    "st.async": _CLUSTERS,
    "red.async": _CLUSTERS,
    "clusterlaunchcontrol": _CLUSTERS,
    "cp.async.bulk": _BULK,
    "cp.reduce.async.bulk": _BULK,
    "prefetch.tensormap": _BULK,
    "cp.async.bulk.prefetch": _BULK,
    "tensormap": _BULK,
    "fence.proxy.tensormap::generic": _BULK,
    "st.bulk": _BULK,
    "wgmma": _TENSORS,
    "tcgen05": _TENSORS,
    "mma.sp": _SPARSE,
    "mma.sp::ordered_metadata": _SPARSE,
    "setmaxnreg": "registers cannot move between warps: use __launch_bounds__",
    "multimem": "there is one GPU: use ld, st, atom and red",
    "tex": _TEXTURES,
    "tld4": _TEXTURES,
    "txq": _TEXTURES,
    "suld": _TEXTURES,
    "sust": _TEXTURES,
    "sured": _TEXTURES,
    "suq": _TEXTURES,
}
"""By how the name of an instruction begins."""


def instead(ins: Instruction) -> str | None:
    """What to use instead of an instruction that is known to be absent."""
    name = ins.name
    return next((text for start, text in _INSTEAD.items() if name == start or name.startswith(start + ".")), None)
