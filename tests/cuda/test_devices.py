"""What device names mean on machines with cards, with others, and with none."""

from __future__ import annotations

import logging
import sys

import pytest

from cudagym import devices, doctor, report
from cudagym.cuda.card import Card, Found
from cudagym.cuda.driver import Driver, DriverError
from cudagym.errors import InfrastructureError, UsageError


def card(index: int, name: str = "NVIDIA H100 80GB HBM3", sms: int = 132, capability: str = "9.0") -> Card:
    return Card(
        index=index,
        name=name,
        uuid=f"{index:032x}",
        pci=f"0000:0{index}:00.0",
        capability=capability,
        sms=sms,
        memory_bytes=80 << 30,
        l2_bytes=50 << 20,
        driver="580.65.06, CUDA 13.0",
    )


T4 = card(1, "Tesla T4", 40, "7.5")
TITAN = card(0, "NVIDIA TITAN RTX", 72, "7.5")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    devices._said.clear()
    return monkeypatch


def have(machine: pytest.MonkeyPatch, *cards: Card, problem: str = "", has_driver: bool = True) -> None:
    found = Found(cards=cards, problem=problem, has_driver=has_driver)
    for module in ("devices", "cuda.gpu", "doctor"):
        machine.setattr(f"cudagym.{module}.find_cards", lambda: found)


def test_a_card_is_named_after_its_model(machine: pytest.MonkeyPatch) -> None:
    have(machine, card(0), T4, card(2))
    assert devices.resolve_device("cuda:0") == devices.resolve_device("cuda:h100") == "cuda:h100"
    assert devices.resolve_device("cuda:1") == "cuda:t4"
    assert devices.resolve_device("cuda:2") == "cuda:2"  # the second of its model
    assert [devices.gpu_of(name).name for name in ("cuda:h100", "cuda:2", "cuda:t4", "sim:a100")] == [
        "h100",
        "h100",
        "t4",
        "a100",
    ]
    assert devices.identity_of("cuda:2") != devices.identity_of("cuda:h100")


@pytest.mark.parametrize("name", ["cuda:3", "cuda:-1", "cuda:a100", "cuda:", "cuda", "cuda:titan", "gpu:0"])
def test_what_is_not_there_is_refused(machine: pytest.MonkeyPatch, name: str) -> None:
    have(machine, card(0))
    with pytest.raises(UsageError, match="there is no"):
        devices.resolve_device(name)


def test_auto_takes_the_first_card_that_can_be_scored_and_says_so_once(
    machine: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    have(machine, TITAN, T4)
    with caplog.at_level(logging.WARNING, "cudagym"):
        assert devices.resolve_device("auto") == devices.resolve_device("auto") == "cuda:t4"
    assert caplog.messages == ["device auto is cuda:t4: Tesla T4, times are measured"]


@pytest.mark.parametrize(
    ("cards", "problem", "reason"),
    [
        ((), "this machine has no NVIDIA driver", "this machine has no NVIDIA driver"),
        ((), "the NVIDIA driver is too old", "too old"),
        ((TITAN,), "", "'NVIDIA TITAN RTX', whose peaks cudagym does not know"),
    ],
)
def test_auto_without_a_card_says_why_times_are_predicted(
    machine: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cards: tuple[Card, ...],
    problem: str,
    reason: str,
) -> None:
    have(machine, *cards, problem=problem)
    with caplog.at_level(logging.WARNING, "cudagym"):
        assert devices.resolve_device("auto") == "sim:h100"
    (said,) = caplog.messages
    assert "simulated, times are predicted" in said
    assert reason in said


def test_a_driver_that_fails_is_the_machine_s_fault_and_none_is_the_caller_s(machine: pytest.MonkeyPatch) -> None:
    have(machine, problem="the NVIDIA driver is too old")
    with pytest.raises(InfrastructureError, match="too old"):
        devices.resolve_device("cuda:0")
    have(machine, problem="this machine has no NVIDIA driver", has_driver=False)
    with pytest.raises(UsageError, match="no NVIDIA driver"):
        devices.resolve_device("cuda:0")


def test_a_part_of_a_card_does_not_pass_for_it(machine: pytest.MonkeyPatch) -> None:
    have(machine, card(0, sms=66))
    with pytest.raises(InfrastructureError, match="has 66 SMs"):
        devices.resolve_device("cuda:0")


def test_the_doctor_tells_of_cards_and_of_their_problems(machine: pytest.MonkeyPatch) -> None:
    have(machine, TITAN, T4)
    found = doctor.examine()
    assert [(each["default"], bool(each["problem"])) for each in found["cards"]] == [(False, True), (True, False)]
    text = report.to_text(report.doctor_table(found))
    assert "cuda:1  Tesla T4  driver 580.65.06, CUDA 13.0  (default)" in text
    assert "peaks cudagym does not know" in text.replace("\n", " ")
    assert not any(each["default"] for each in found["devices"])


def test_a_machine_without_a_card_has_no_problem(machine: pytest.MonkeyPatch) -> None:
    have(machine, problem="NVIDIA's driver bindings are missing")
    found = doctor.examine()
    assert found["problems"] == []
    assert "none: NVIDIA's driver bindings are missing" in report.to_text(report.doctor_table(found))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CUDA_ERROR_OUT_OF_MEMORY", "too little free memory"),
        ("CUDA_ERROR_NO_BINARY_FOR_GPU", "driver 580 or newer"),
        ("CUDA_ERROR_ECC_UNCORRECTABLE", "nvidia-smi"),
    ],
)
def test_what_no_candidate_can_be_blamed_for(name: str, says: str) -> None:
    error = DriverError("cuMemCreate", name, "text")
    assert not error.is_fault
    assert says in str(error.as_infrastructure())


def test_missing_bindings_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    with pytest.raises(InfrastructureError, match=r"pip install 'cudagym\[gpu\]'"):
        Driver()
