"""A child that works or sleeps for as long as it is asked: python -m idler DESCRIPTOR."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Any

from cudagym.child import Line, serve

CPU = min(os.sched_getaffinity(0))


def answer(body: bytes, _: list[int]) -> dict[str, Any]:
    asked = json.loads(body)
    start = time.process_time()
    while time.process_time() - start < asked["work"]:
        pass
    time.sleep(asked["sleep"])
    return {"answer": {"seconds": asked["work"] + asked["sleep"]}}


if __name__ == "__main__":
    os.sched_setaffinity(0, {CPU})
    serve(Line(socket.socket(fileno=int(sys.argv[1]))), answer)
