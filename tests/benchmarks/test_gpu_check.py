"""The comparison of a card with the simulated one: what it concludes from verdicts, and the page that it writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import gpu
from cudagym.cuda.peaks import Peaks
from cudagym.device import Measurement
from cudagym.verdict import Verdict


def verdict(device: str, status: str = "correct", time_us: float | None = None) -> Verdict:
    kind = "modelled" if device.startswith("sim:") else "measured"
    found = {
        "spec": "relu_fp32",
        "device": device,
        "source_sha256": "0" * 64,
        "status": status,
        "message": "",
        "owner": None if status == "correct" else "candidate",
    }
    if status == "correct" and time_us is not None:
        found |= {"time_us": time_us, "time_kind": kind, "fraction_of_peak": 0.5, "timed_shape": {"n": 64}}
        if kind == "measured":
            found["measurement"] = Measurement(
                interval_us=(time_us - 0.5, time_us + 0.5), repetitions=20, settled=False, host_excess_us=30
            )
    return Verdict.model_validate(found)


def pairs(times: list[tuple[float, float]]) -> list[gpu.Pair]:
    """Of (predicted, measured) times."""
    return [
        gpu.Pair(
            "relu_fp32", f"kernel {n}", verdict("cuda:h100", time_us=measured), verdict("sim:h100", time_us=predicted)
        )
        for n, (predicted, measured) in enumerate(times)
    ]


def test_order_and_distance_of_predictions() -> None:
    """One swap of neighbours among four: 1 - 6 * 2 / (4 * 15) = 0.8. Misses are factors of 1, 2, 2 and 4."""
    text = gpu.conclusion(pairs([(10, 10), (30, 15), (20, 40), (160, 640)]))
    assert text.startswith("4 of 4 verdicts are the same")
    assert "Spearman) of 0.800" in text
    assert "factor of 2.00 in the median and 4.00 at worst" in text


def test_kernels_without_two_times_only_count_as_verdicts() -> None:
    wrong = gpu.Pair("relu_fp32", "racy", verdict("cuda:h100", time_us=5), verdict("sim:h100", "wrong"))
    text = gpu.conclusion([*pairs([(1, 2), (3, 4)]), wrong])
    assert text.startswith("2 of 3 verdicts are the same")
    assert "Of 2 kernels with both times" in text
    assert wrong.row == ("relu_fp32", "racy", "correct", "wrong", "", "4.50 to 5.50 (unsettled)", "", "")


def test_the_page_keeps_what_people_wrote(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    shutil.copy(gpu.PAGE, page)
    before = page.read_text()
    reached = Peaks(copy_gb_s=2800.4, fp32_tflops=61.2)
    gpu.write_page(page, "NVIDIA H100 80GB HBM3 with driver 580.65.06", reached, pairs([(10, 8)]))
    gpu.write_page(page, "NVIDIA H100 80GB HBM3 with driver 580.65.06", reached, pairs([(10, 8)]))
    after = page.read_text()
    assert after.split(gpu.BEGIN)[0] == before.split(gpu.BEGIN)[0]
    assert after.split(gpu.END)[1] == before.split(gpu.END)[1]
    assert after.count("It reaches 2800 GB/s") == 1
    assert "| relu_fp32 | kernel 0 | correct | correct | 8.00 | 7.50 to 8.50 (unsettled) | 10.00 | 1.25 |" in after
    assert "No card has run" not in after


def test_the_suite_has_a_kernel_for_every_spec() -> None:
    from cudagym import specs

    assert {name for name, _, _ in gpu.suite()} == {spec.name for spec in specs.all_specs()}


def test_without_a_card_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from cudagym.cuda import card

    monkeypatch.setattr("cudagym.cuda.gpu.find_cards", lambda: card.Found(problem="no driver here", has_driver=False))
    with pytest.raises(SystemExit, match="there is no device cuda:0: no driver here"):
        gpu.main()
