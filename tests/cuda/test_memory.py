"""Recorded pointers are found and changed where they can lie, and nothing else is."""

from __future__ import annotations

import struct

import pytest

from cudagym.build.program import KernelParameter, address_of
from cudagym.cuda.memory import Places

REAL = {0: 0x7F00_0000_0000, 1: 0x7F11_0000_0000, 3: 0x30_2000_0000}


@pytest.fixture
def places() -> Places:
    """Slots 0, 1 and 3 lie elsewhere than recorded; 2 was never placed."""
    found = Places()
    for slot, address in REAL.items():
        found.put(slot, address, 4096)
    return found


@pytest.mark.parametrize(
    ("recorded", "real"),
    [
        (address_of(0), REAL[0]),
        (address_of(1) + 100, REAL[1] + 100),
        (address_of(3) + 4096, REAL[3] + 4096),  # one past the end, as loops compare with
        (address_of(3) + 4097, address_of(3) + 4097),
        (address_of(2), address_of(2)),
        (address_of(0) - 8, address_of(0) - 8),
        (0, 0),
        ((1 << 64) - 1, (1 << 64) - 1),
    ],
    ids=hex,
)
def test_an_address_moves_with_its_buffer(places: Places, recorded: int, real: int) -> None:
    assert places.address(recorded) == real
    assert places.in_words(struct.pack("<Q", recorded)) == struct.pack("<Q", real)


def test_pointers_inside_of_structs_are_found(places: Places) -> None:
    given = struct.pack("<QiiQ", address_of(1), 7, 9, address_of(3) + 8)
    wanted = struct.pack("<QiiQ", REAL[1], 7, 9, REAL[3] + 8)
    assert places.in_arguments(given, [KernelParameter(offset=0, size=24)]) == wanted


def test_two_small_parameters_are_no_pointer(places: Places) -> None:
    """(7, 4096) reads like an address of slot 0 when taken for one word."""
    given = struct.pack("<Qii", address_of(0), 7, 4096)
    assert struct.unpack_from("<Q", given, 8)[0] == address_of(0) + 7
    parameters = [KernelParameter(offset=at, size=size) for at, size in ((0, 8), (8, 4), (12, 4))]
    assert places.in_arguments(given, parameters) == struct.pack("<Qii", REAL[0], 7, 4096)


def test_words_are_aligned_where_they_will_lie(places: Places) -> None:
    """Bytes that go to an address of 4 more than a multiple of 8 have their first whole word after 4."""
    given = b"abcd" + struct.pack("<Q", address_of(0)) + b"ef"
    assert places.in_words(given, at=4) == b"abcd" + struct.pack("<Q", REAL[0]) + b"ef"
    assert places.in_words(given, at=8) == given


def test_nothing_is_searched_where_every_address_was_granted() -> None:
    places = Places()
    places.put(0, address_of(0), 4096)
    given = struct.pack("<QQ", address_of(0) + 1, address_of(5))
    assert places.in_words(given) == given


def test_what_was_freed_stays_where_it_was_recorded(places: Places) -> None:
    places.drop(1)
    assert places.address(address_of(1)) == address_of(1)
