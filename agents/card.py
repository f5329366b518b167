"""The card of a data set: what is in it, how it came about, and how to load it, as Hugging Face reads it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

_CARD = """\
---
license: {licence}
language:
- en
task_categories:
- text-generation
tags:
- cuda
- gpu-kernels
- code
- trl
pretty_name: Verified CUDA kernels
size_categories:
- {size}
configs:
{configs}
---

# Verified CUDA kernels

{samples} kernels for {specs} specifications, each compiled by nvcc, executed on a simulated GPU ({devices}), compared
with float64 references over many shapes and input distributions, checked for faults, and timed by a model of the card.

| subset | rows | columns that matter | for |
|---|---|---|---|
{subsets}

```python
from datasets import load_dataset

kernels = load_dataset("path/to/this/folder", "sft", split="train")
```

Every row of `sft` and `conversations` says what the judge found (`status`, `fraction_of_peak`, `time_us`,
`time_kind`, `least_time_us`, `limiters`, `message`), what the kernel is (`spec`, `family`, `spec_hash`, `device`,
`source`, `launches`, `group`) and where it came from (`agent`, `model`, `run`, `key`, `cudagym`, `nvcc`, `created`).
`preferences` has the verdicts of both sides.

## How they were chosen

Of {rollouts} attempts {correct} were correct. Left out were:

- {slow} that reach less than {least:.0%} of what the best of their specification reaches,
- {duplicates} near-duplicates of faster ones, alike in {near:.0%} of their text, names and numbers apart,
- {crowded} beyond {keep} per specification and device.

Kernels with the same launches, occupancy, waves and limits are one `group`; the fastest of every group come first. A
pair prefers a correct kernel to one that fails, or that is {margin:g} times slower, in answer to the same messages.

| family | specification | kernels |
|---|---|---|
{families}

Fractions of peak: {low:.0%} at the least, {median:.0%} in the median, {high:.0%} at most, of the roofline of the card
that is named. Times of kind `modelled` come from the simulated GPU: they rank kernels and are no measurement.

## What is not in it

Specifications that are held out for evaluation, by name, by the content of their prompts, and by prompts that are
nearly theirs; attempts on cards that are held out.

## Where it comes from

| run | agent | model | kernels |
|---|---|---|---|
{origins}

Specifications, verdicts and scripted kernels are licensed under {licence}. What a language model wrote is also subject
to the terms of its provider.
"""

_SUBSETS = {
    "sft": ("`prompt`, `completion` (conversational)", "supervised fine-tuning"),
    "conversations": ("`messages`, `answers`", "training on repairs that follow verdicts"),
    "preferences": ("`prompt`, `chosen`, `rejected` (conversational)", "DPO and reward models"),
}


def render(
    subsets: Sequence[str],
    *,
    summary: Mapping[str, Any],
    selection: Mapping[str, Any],
    origins: Mapping[tuple[str, str, str], int],
    families: Mapping[tuple[str, str], int],
    fractions: Sequence[float],
    devices: Sequence[str],
    licence: str,
) -> str:
    """The card as Markdown. `origins` counts kernels by (run, agent, model), `families` by (family, spec)."""
    rows = {"sft": summary["samples"], "conversations": summary["samples"], "preferences": summary["pairs"]}
    ordered = sorted(fractions)
    by_family: dict[str, list[str]] = defaultdict(list)
    for (family, spec), count in families.items():
        by_family[family].append(f"| {family} | {spec} | {count} |")
    return _CARD.format(
        **{**summary, **selection, "specs": len(summary["specs"])},
        licence=licence,
        size=_size(max(rows.values())),
        configs="\n".join(_config(name, first=name == subsets[0]) for name in subsets),
        devices=", ".join(devices),
        subsets="\n".join(f"| `{name}` | {rows[name]} | {' | '.join(_SUBSETS[name])} |" for name in subsets),
        families="\n".join(line for lines in by_family.values() for line in lines),
        origins="\n".join(f"| {' | '.join(origin)} | {count} |" for origin, count in origins.items()),
        low=ordered[0],
        median=ordered[len(ordered) // 2],
        high=ordered[-1],
    )


def _config(name: str, *, first: bool) -> str:
    lines = [f"- config_name: {name}", *(["  default: true"] if first else [])]
    return "\n".join([*lines, "  data_files:", "  - split: train", f"    path: {name}/train.parquet"])


def _size(rows: int) -> str:
    """The bracket that the hub knows a number of rows by."""
    for limit, text in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if rows < limit:
            return text
    return "100K<n<1M"
