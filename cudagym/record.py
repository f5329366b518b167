"""The base of every record: frozen, strict, and versioned where it is written to disk."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen pydantic model that refuses unknown fields and may hold tensors and callables."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
