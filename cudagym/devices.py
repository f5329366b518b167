"""Devices by name: `sim:h100` and its like are simulated, `cuda:0` is the first card of this machine.

`cuda:h100` is the first card of that model, and the full name of it: what a verdict says holds for the model, not for
the place that one card has in one machine. `auto` is the first card that cudagym knows, or else the default simulated
one; which one it is, is said aloud.
"""

from __future__ import annotations

import logging

from cudagym.cuda.card import DRIVER_NAMES, Card, find_cards
from cudagym.cuda.gpu import CudaGPU, card_at
from cudagym.device import Device
from cudagym.errors import InfrastructureError, UsageError
from cudagym.hardware import GPU, GPUS
from cudagym.hardware import gpu as gpu_named
from cudagym.simulator.gpu import SimulatedGPU

DEFAULT_DEVICE = "sim:h100"
_log = logging.getLogger("cudagym")
_said: set[str] = set()


def resolve_device(name: str) -> str:
    """The full device name: `sim:<model>` or `cuda:<model>`; `cuda:<number>` for a card behind another of its model.

    Raises UsageError for a device that does not exist, InfrastructureError for a card that cannot be used.
    """
    if name == "auto":
        best, why = best_device()
        if best not in _said:
            _said.add(best)
            _log.warning("device auto is %s: %s", best, why)
        return best
    kind, _, which = name.partition(":")
    if kind == "sim" and which in GPUS:
        return name
    if kind == "cuda" and which.isdecimal():
        return _full(card_at(int(which)))
    if kind == "cuda" and which in GPUS:
        _first(which)
        return name
    known = ", ".join(f"sim:{card}" for card in GPUS)
    raise UsageError(f"there is no device {name!r}. Choose auto, cuda:0 for a card of this machine, or one of {known}.")


def gpu_of(device: str) -> GPU:
    """What the table of cards knows of a device, be it simulated, in this machine, or only named in a verdict."""
    kind, _, which = device.partition(":")
    return card_at(int(which)).gpu if (kind, which.isdecimal()) == ("cuda", True) else gpu_named(which)


def identity_of(device: str) -> str:
    """What a verdict may depend on: the device, and of a real one the very card and its driver."""
    return _card(device).model_dump_json() if device.startswith("cuda:") else device


def open_device(device: str, *, threads: int = 1) -> Device:
    """The device with a full name. A simulated one may use `threads` of this machine."""
    kind, _, which = device.partition(":")
    if kind == "cuda":
        return CudaGPU(_card(device).index)
    return SimulatedGPU(which, threads=threads)


def best_device() -> tuple[str, str]:
    """What `auto` means on this machine, and why."""
    found = find_cards()
    reason = found.problem or "no card"
    for card in found.cards:
        try:
            return _full(card), f"{card.name}, times are measured"
        except InfrastructureError as error:
            reason = str(error)
    return DEFAULT_DEVICE, f"simulated, times are predicted; {reason}"


def _full(card: Card) -> str:
    model = card.gpu.name
    return f"cuda:{model}" if _first(model) == card else f"cuda:{card.index}"


def _card(device: str) -> Card:
    which = device.removeprefix("cuda:")
    return card_at(int(which)) if which.isdecimal() else _first(which)


def _first(model: str) -> Card:
    found = find_cards()
    for card in found.cards:
        if DRIVER_NAMES.get(card.name) == model:
            return card
    reason = f": {found.problem}" if found.problem else ""
    raise UsageError(f"there is no {GPUS[model].title} in this machine{reason}; `cudagym doctor` lists its cards")
