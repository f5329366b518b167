"""Doctor: what this machine has for grading and training, and what it lacks.

`examine` never raises for a missing part; it says what is missing and what to install.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from cudagym import hardware, runs, sandbox
from cudagym.build.cache import cache_dir
from cudagym.build.toolchain import find_toolchain
from cudagym.cuda.card import Card, find_cards
from cudagym.cuda.tools import SOURCES, find_tool
from cudagym.devices import best_device
from cudagym.errors import GraderError, InfrastructureError


def examine() -> dict[str, Any]:
    """`toolkit`, `cards` (of this machine; `cards_problem` says why there is none, which stops nothing but real GPUs),
    `tools` (that explain verdicts on a card; None where one is missing), `devices` (simulated ones), `sandbox`,
    `isolation` (what that comes to), `versions`, `claude` (what is there to ask it with), `cache` and `problems`: a
    list of sentences, empty when all is well.
    """
    problems: list[str] = []
    toolkit: dict[str, str] = {}
    boxes: dict[str, bool] = {}
    try:
        found = find_toolchain()
        toolkit = {
            "version": found.version,
            "nvcc": str(found.nvcc),
            "include": str(found.include),
            "cudart": str(found.cudart),
            "cxx": str(found.cxx),
        }
        boxes = sandbox.describe()
    except (InfrastructureError, GraderError) as error:
        problems.append(str(error))
    found_cards = find_cards()
    return {
        "toolkit": toolkit,
        "cards": [_card(card) for card in found_cards.cards],
        "cards_problem": found_cards.problem,
        "tools": {
            name: tool.model_dump(exclude={"name", "help"}) if (tool := find_tool(name)) else None for name in SOURCES
        },
        "devices": devices(),
        "sandbox": boxes,
        "isolation": sandbox.level(boxes) if boxes else "none: nothing can be graded",
        "versions": runs.versions(),
        "claude": claude(),
        "cache": str(cache_dir()),
        "problems": problems,
    }


def claude() -> dict[str, bool]:
    """Whether the SDK and a key in the environment are there. Whether the key is right, only the server knows."""
    named = any(os.environ.get(name) for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"))
    return {"sdk": find_spec("anthropic") is not None, "key": named}


def _card(card: Card) -> dict[str, Any]:
    """A card as the driver describes it, and `problem`: why kernels cannot be graded on it."""
    problem = ""
    try:
        default = card.gpu.name == best_device()[0].removeprefix("cuda:")
    except InfrastructureError as error:
        problem, default = str(error), False
    return card.model_dump() | {"default": default, "problem": problem}


def devices() -> list[dict[str, Any]]:
    """Every simulated device, marked as default where `auto` means it."""
    default, _ = best_device()
    return [
        {
            "name": f"sim:{gpu.name}",
            "title": gpu.title,
            "arch": gpu.arch,
            "kind": "simulated",
            "sms": gpu.sms,
            "dram_gb_s": gpu.dram_gb_s,
            "peak_tflops": dict(gpu.peak_tflops),
            "default": f"sim:{gpu.name}" == default,
        }
        for gpu in hardware.GPUS.values()
    ]
