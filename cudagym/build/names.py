"""Readable names of kernels for messages."""

from __future__ import annotations

import re


def kernel_title(name: str) -> str:
    """The plain name of a mangled kernel: `add` for `_ZN12_GLOBAL__N_13addIfEEvPKT_i`.

    Namespaces, template arguments and parameters are left out. What is not mangled as nested or plain names
    (Itanium C++ ABI, section 5.1) is returned as it is.
    """
    if not name.startswith("_Z"):
        return name
    position = 3 if name.startswith("_ZN") else 2
    title = name
    while length := re.compile(r"[1-9]\d*").match(name, position):
        position = length.end() + int(length[0])
        title = name[length.end() : position]
        if not name.startswith("_ZN"):
            break
    return title
