"""The base of every record: frozen and strict. Imports nothing heavy, so that any process may use it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

Shape = Mapping[str, int | float]
"""A value for every scalar parameter of a spec, by name, in signature order: `{"rows": 7, "eps": 1e-5}`."""


class Record(BaseModel):
    """A frozen pydantic model that refuses unknown fields and may hold tensors and callables.

    Bytes travel through JSON as base64.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )


def shape_text(shape: Shape) -> str:
    """`rows=7, cols=33, eps=1e-05`."""
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in shape.items()
    )


def complaint(error: ValueError) -> str:
    """What is wrong, on one line: pydantic's first complaint, or the error's own message."""
    said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
    return " ".join(said.split())
