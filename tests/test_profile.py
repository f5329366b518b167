"""A profile says of kernels whose faults are known what is wrong with them, and its page shows that."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cudagym import profile_page, report, specs
from cudagym.errors import UsageError
from cudagym.hardware import gpu
from cudagym.profile import Profile, profile
from cudagym.report import to_text

SQUARE = 2048
COPIES = """
__global__ void %s(const float* x, float* y, int rows, int cols) {
    __shared__ float tile[32][%d];
    int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 32 + threadIdx.y;
    %s
}
extern "C" void solve(const float* x, float* y, int rows, int cols) {
    %s<<<dim3((cols + 31) / 32, (rows + 31) / 32), dim3(32, 32)>>>(x, y, rows, cols);
}
"""
SCATTERED = "if (row < rows && column < cols) y[(long)column * rows + row] = x[(long)row * cols + column];"
TILED = """if (row < rows && column < cols) tile[threadIdx.y][threadIdx.x] = x[(long)row * cols + column];
    __syncthreads();
    int to = blockIdx.x * 32 + threadIdx.y, from = blockIdx.y * 32 + threadIdx.x;
    if (to < cols && from < rows) y[(long)to * rows + from] = tile[threadIdx.x][threadIdx.y];"""
ADD = """
__global__ void add(const float* a, const float* b, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = a[i] + b[i];
}
extern "C" void solve(const float* a, const float* b, float* out, int n) {
    add<<<(n + 255) / 256, 256>>>(a, b, out, n);
}
"""


def transpose(name: str, pitch: int, body: str) -> Profile:
    return profile(specs.get("transpose_fp32"), COPIES % (name, pitch, body, name), device="sim:a100")


@pytest.fixture(scope="module")
def scattered() -> Profile:
    return transpose("scattered", 32, SCATTERED)


@pytest.fixture(scope="module")
def conflicting() -> Profile:
    return transpose("conflicting", 32, TILED)


@pytest.fixture(scope="module")
def padded() -> Profile:
    return transpose("padded", 33, TILED)


@pytest.fixture(scope="module")
def added() -> Profile:
    return profile(specs.get("vector_add_fp32"), ADD, device="sim:a100")


def test_a_scattered_store_shows_in_sectors_and_bytes(scattered: Profile, padded: Profile) -> None:
    assert scattered.launches[0].access.store_sectors == 32 == scattered.launches[0].access.store_lines
    assert padded.launches[0].access.store_sectors == 4
    assert scattered.launches[0].access.load_sectors == 4
    assert scattered.bytes("L2") > 2 * padded.bytes("L2")
    assert "scattered" in to_text(report.profile_report(scattered)).split("global store")[1].splitlines()[0]
    assert "coalesced" in to_text(report.profile_report(padded)).split("global store")[1].splitlines()[0]


def test_bank_conflicts_are_counted(conflicting: Profile, padded: Profile) -> None:
    # The stores into the tile pass at once, the loads of a column of 32 take one pass per lane.
    assert conflicting.launches[0].access.wavefronts == pytest.approx((1 + 32) / 2, rel=0.05)
    assert padded.launches[0].access.wavefronts == pytest.approx(1, rel=0.05)
    assert conflicting.time_us > 1.2 * padded.time_us


def test_the_line_that_holds_a_kernel_up_is_named(added: Profile, conflicting: Profile) -> None:
    (moving,) = (line for line in added.launches[0].lines if "out[i] = a[i] + b[i]" in line.text)
    assert moving.stalled > 0.7
    assert moving.reason == "global memory"
    slowest = max(conflicting.launches[0].lines, key=lambda line: line.stalled)
    assert "tile" in slowest.text or "__syncthreads" in slowest.text
    for found in (added, conflicting):
        assert sum(line.issued for line in found.launches[0].lines) == pytest.approx(1, abs=0.05)
        assert sum(found.launches[0].stalls.values()) == pytest.approx(1, abs=0.01)


def test_each_array_passes_dram_once_and_no_level_beats_its_peak(added: Profile) -> None:
    least = specs.get("vector_add_fp32").least_bytes(added.shape)
    assert 0.9 * least < added.bytes("DRAM") < 1.03 * least  # the last stores stay in the L2
    assert added.bytes("L2") == pytest.approx(least, rel=0.03)
    assert all(0 <= level.share <= 1 for level in added.launches[0].levels)
    assert 0.6 < added.fraction_of_peak < 1
    assert added.launches[0].limiters[0].name == "DRAM bandwidth"
    assert sum(added.launches[0].mix.values()) == pytest.approx(1)


@pytest.mark.parametrize(("shared", "bound", "warps"), [(0, (), 64), (40 << 10, ("shared memory",), 32)])
def test_occupancy_names_what_bounds_it(shared: int, bound: tuple[str, ...], warps: int) -> None:
    source = ADD.replace("256>>>", f"256, {shared}>>>")
    found = profile(specs.get("vector_add_fp32"), source, device="sim:a100").launches[0].occupancy
    assert (found.bound_by, found.warps, found.of) == (bound, warps, 64)
    # 41 KiB with what the system keeps: 164 KiB hold four.
    assert found.by_resource["shared memory"] == (4 if shared else 164)
    assert found.by_resource["warps"] == 8


def test_a_small_grid_bounds_occupancy_itself() -> None:
    source = ADD.replace("int i =", "for (int i =").replace("threadIdx.x;", "threadIdx.x; i < n; i += 65536)", 1)
    source = source.replace("(n + 255) / 256, 256", "256, 256")
    found = profile(specs.get("vector_add_fp32"), source, device="sim:a100").launches[0]
    assert found.occupancy.bound_by == ("grid",)
    assert found.occupancy.blocks == math.ceil(256 / gpu("a100").sms)
    assert "the grid has no more blocks" in report.occupancy_lines(found)[0]


def test_divergence_shows_in_active_lanes(added: Profile) -> None:
    alone = ADD.replace("if (i < n)", "if (i < n && threadIdx.x % 32 == 0)\n      for (int k = 0; k < 9; ++k)")
    alone = alone.replace("= a[i]", "= k * a[i]").replace("float* out", "volatile float* out", 1)
    assert added.launches[0].lanes == pytest.approx(32, rel=0.01)
    assert profile(specs.get("vector_add_fp32"), alone, device="sim:a100").launches[0].lanes < 20


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("int x = ;", "build failed"),
        (ADD.replace("add<<<", "if (n < 0) add<<<"), "launches no kernel"),
        (ADD.replace("out[i]", "out[i + n]"), "out"),
        (ADD.replace("256>>>", "2048>>>"), "more than 1024 threads"),
    ],
)
def test_what_cannot_be_profiled_says_why(source: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"nothing to profile") as raised:
        profile(specs.get("vector_add_fp32"), source, device="sim:a100")
    assert said in str(raised.value)


class _Page(HTMLParser):
    """Whether every element is closed, and what the page would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing(added: Profile) -> None:
    page = profile_page.render(added)
    read = _Page()
    read.feed(page)
    assert (read.open, read.loads) == ([], [])
    assert "width=device-width" in page
    for part in ("DRAM bandwidth", "Occupancy", "coalesced", f"{added.time_us:,.1f} µs"):
        assert part in page


def test_the_roofline_puts_the_program_under_its_roof(added: Profile) -> None:
    page = profile_page.render(added)
    plot = profile_page.roofline(added)
    assert plot is not None
    flops = specs.get("vector_add_fp32").flops(added.shape)
    (dram,) = (dot for dot in plot.dots if dot.name == "DRAM")
    assert dram.intensity == pytest.approx(flops / added.bytes("DRAM"))
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", page, re.DOTALL)[0])  # type: ignore[index]
    (circle,) = (each for each in drawing.iter("circle") if each.get("class") == "DRAM")
    (roof,) = (each for each in drawing.iter("polyline") if "DRAM" in (each.get("class") or ""))
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in (roof.get("points") or "").split())
    x, y = float(circle.get("cx") or 0), float(circle.get("cy") or 0)
    # Both axes are logarithmic, so the roof is straight; y grows downwards. 15 % below it is a few units.
    at = y1 + (x - x1) / (x2 - x1) * (y2 - y1)
    assert at < y < at + 10
    width, height = (float(value) for value in (drawing.get("viewBox") or "").split()[2:])
    for each in drawing.iter("text"):
        assert 0 <= float(each.get("x", 0)) <= width
        assert 0 <= float(each.get("y", 0)) <= height


def test_a_spec_without_arithmetic_has_no_roofline(padded: Profile) -> None:
    assert profile_page.roofline(padded) is None
    assert "<h2>Roofline" not in profile_page.render(padded)


def test_names_from_the_source_cannot_break_the_page(added: Profile) -> None:
    launch = added.launches[0].model_copy(update={"kernel": "<script>alert(1)</script>", "coarse": "\x1b[31m<b>"})
    evil = added.model_copy(update={"launches": (launch,)})
    assert "<script" not in profile_page.render(evil)
    assert "\x1b" not in to_text(report.profile_report(evil))


def test_a_profile_survives_json(padded: Profile) -> None:
    assert Profile.model_validate_json(padded.model_dump_json()) == padded
    assert json.loads(padded.model_dump_json())["launches"][0]["kernel"] == "padded"


def test_a_card_that_nvcc_forgot_says_so(added: Profile) -> None:
    old = profile(specs.get("vector_add_fp32"), ADD, device="sim:p100")
    assert old.title == "NVIDIA Tesla P100 SXM2 16 GB, standing in with code for sm_75"
    assert added.title == gpu("a100").title
    assert old.time_us > 1.5 * added.time_us


def test_many_launches_are_cut_short_in_text(added: Profile) -> None:
    many = added.model_copy(update={"launches": added.launches * 9})
    text = to_text(report.profile_report(many))
    assert text.count("occupancy") == 6
    assert "3 more launches" in text
