"""One run of a program in a process that a tool of NVIDIA's watches: `python -m cudagym.cuda.rerun FOLDER INDEX`.

FOLDER holds `request.json`; `places.json` is written there before the first launch, for the addresses in a report.
Buffers are read from the judge's memfds by way of /proc, as nobody says whether a tool hands descriptors on. What the
kernels compute is thrown away: it was judged before.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from cudagym.child import begin
from cudagym.cuda.context import Context
from cudagym.cuda.executor import Request
from cudagym.cuda.memory import Places, TrackedMemory
from cudagym.cuda.replay import Replay
from cudagym.memory import map_shared
from cudagym.record import Record

REQUEST, PLACES = "request.json", "places.json"


class Rerun(Record):
    """The request, whose buffers are descriptors of the process `owner`."""

    request: Request
    owner: int


class Place(Record):
    """Where one slot of the program lay."""

    slot: int
    address: int
    size: int


class _Noted(Places):
    """Places that are also written down, for whoever reads a report about them after this process has died."""

    def __init__(self, path: Path, places: Places) -> None:
        super().__init__()
        self._path, self._known = path, dict[int, Place]()
        for slot, (address, size) in places.items():
            self.put(slot, address, size)

    def put(self, slot: int, address: int, size: int) -> None:
        super().put(slot, address, size)
        self._known[slot] = Place(slot=slot, address=address, size=size)
        self._path.write_text(json.dumps([place.model_dump() for place in self._known.values()]))


def main(folder: Path, index: int) -> None:
    begin()
    rerun = Rerun.model_validate_json((folder / REQUEST).read_bytes())
    request = rerun.request
    context = Context(index)
    context.memory = TrackedMemory(context.driver, index)
    replay = Replay(context, request.program, request.buffers, request.limits, request.hang_seconds)
    replay.places = _Noted(folder / PLACES, replay.places)
    contents = []
    for buffer in request.buffers:
        fd = os.open(f"/proc/{rerun.owner}/fd/{buffer.fd}", os.O_RDONLY)
        contents.append(map_shared(fd, buffer.size, private=True))
        os.close(fd)
    replay.fill(contents)
    replay.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
