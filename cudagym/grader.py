"""Grader: the one way from sources to verdicts. Everything that grades, grades through here.

It removes duplicates, answers from the verdict cache, builds what is left as one group, and examines the builds
on as many simulated GPUs as there are cores, or in turns on one card. `grade` and `grade_many` use one shared grader
per device.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue

import torch

from cudagym import specs
from cudagym.build.builder import Build, Builder
from cudagym.build.cache import Store, cache_dir, key_of
from cudagym.build.compiler import unfit
from cudagym.cuda.gpu import CudaGPU
from cudagym.devices import gpu_of, identity_of, open_device, resolve_device
from cudagym.errors import BuildFailed, Disturbed, InfrastructureError, UsageError
from cudagym.judge import Judge
from cudagym.source import without_comments
from cudagym.specs.spec import KernelSpec
from cudagym.verdict import Verdict

SECRET_BYTES = 32
Progress = Callable[[int, int], None]
"""Called with (verdicts reached, verdicts wanted) whenever one more is there."""


class Grader:
    """Grades sources on one device. Threads may share it. Close it, or use it as a context manager."""

    def __init__(
        self, device: str = "auto", *, workers: int | None = None, cached: bool = True, evidence: bool = False
    ) -> None:
        """`workers` examinations run at once, each with a device of its own: by default one per core. With `evidence`,
        NVIDIA's tools are asked about each verdict on a card (cudagym.cuda.evidence).

        Raises UsageError for an unknown device, InfrastructureError when the compiler is missing.
        """
        self.device = resolve_device(device)
        if evidence and not self.device.startswith("cuda:"):
            raise UsageError(f"evidence is for verdicts on a card: {self.device} explains its own; leave it out")
        self._card = gpu_of(self.device)
        self._identity = identity_of(self.device) + " with evidence" * evidence
        self._builder = Builder()
        self._secret = run_secret()
        self._store = Store("verdicts", max_bytes=256 << 20) if cached else None
        cores = len(os.sched_getaffinity(0))
        self._workers = workers or cores
        self._closed = False
        self._judges: SimpleQueue[Judge] = SimpleQueue()
        self._all_judges: list[Judge] = []
        for _ in range(self._workers):
            opened = open_device(self.device, threads=max(1, cores // self._workers))
            witness = opened.witness if evidence and isinstance(opened, CudaGPU) else None
            judge = Judge(opened, self._builder, self._secret, witness)
            self._judges.put(judge)
            self._all_judges.append(judge)

    def grade(self, spec: KernelSpec | str, source: str, *, seed: int = 0) -> Verdict:
        """The verdict on one source. See `grade_many`."""
        return self.grade_many([(spec, source)], seed=seed)[0]

    def grade_many(
        self,
        items: Sequence[tuple[KernelSpec | str, str]],
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Verdict]:
        """One verdict per (spec, source), in order. Sources that differ only in comments are examined once.

        Raises UsageError for an unknown spec, what is no source text, and a closed grader; InfrastructureError when
        this machine cannot grade at all. Whatever a source does ends in its verdict.
        """
        if self._closed:
            raise UsageError("this grader is closed; make another one")
        wanted = [(_spec(spec), _text(source)) for spec, source in items]
        keys = [self._key(spec, source, seed) for spec, source in wanted]
        done: dict[str, Verdict] = {}
        todo: dict[str, tuple[KernelSpec, str]] = {}
        for key, item in zip(keys, wanted, strict=True):
            if key in done or key in todo:
                continue
            if (known := self._known(key)) is not None:
                done[key] = known
            else:
                todo[key] = item
        report = progress or (lambda reached, of: None)
        report(len(keys) - sum(key in todo for key in keys), len(keys))
        for key, verdict in self._examine(todo, seed):
            done[key] = verdict
            self._remember(key, verdict)
            report(sum(key in done for key in keys), len(keys))
        return [_for_source(done[key], source) for key, (_, source) in zip(keys, wanted, strict=True)]

    def close(self) -> None:
        """End the devices' processes. Idempotent."""
        self._closed = True
        for judge in self._all_judges:
            judge.close()

    def __enter__(self) -> Grader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _examine(self, todo: dict[str, tuple[KernelSpec, str]], seed: int) -> Iterable[tuple[str, Verdict]]:
        """Verdicts by key, as they come. Whoever stops asking, by Ctrl-C above all, ends what still runs."""
        try:
            builds = self._builder.build_many(list(todo.values()), self._card)
        except OSError as error:
            raise InfrastructureError(f"nothing can be built on this machine now: {error}") from error
        # Several examinations already keep the cores busy: within one, torch uses one thread.
        pool = ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(1,))
        futures: dict[Future[Verdict], str] = {}
        try:
            for (key, (spec, source)), build in zip(todo.items(), builds, strict=True):
                futures[pool.submit(self._examine_one, spec, source, build, seed)] = key
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            while any(future.running() for future in futures):
                for judge in self._all_judges:
                    judge.interrupt()
                wait(futures, timeout=0.1)

    def _examine_one(self, spec: KernelSpec, source: str, build: Build | BuildFailed | Disturbed, seed: int) -> Verdict:
        judge = self._judges.get()
        try:
            return judge.examine(spec, source, build, seed=seed)
        finally:
            self._judges.put(judge)

    def _key(self, spec: KernelSpec, source: str, seed: int) -> str:
        # A comment can make a text unfit for the compiler, and then it is not the same as without.
        text = source if unfit(source, spec.signature) else without_comments(source)
        parts = (_grader_fingerprint(), self._identity, specs.spec_hash(spec), str(seed), text)
        return key_of(hashlib.sha256(self._secret).hexdigest(), *parts)

    def _known(self, key: str) -> Verdict | None:
        if self._store is None:
            return None
        verdict = self._store.read(key, lambda files: Verdict.model_validate_json(files["verdict.json"]))
        return verdict and verdict.model_copy(update={"cached": True, "seconds": dict.fromkeys(verdict.seconds, 0.0)})

    def _remember(self, key: str, verdict: Verdict) -> None:
        """Keep what the candidate earned; an error of ours or of the machine may be gone next time, and so may what
        disturbed a measurement."""
        how = verdict.measurement
        undisturbed = how is None or (how.settled and not how.throttled)
        if self._store and verdict.is_valid and verdict.status != "suspect" and undisturbed:
            self._store.put(key, {"verdict.json": verdict.model_dump_json().encode()})


def _spec(given: KernelSpec | str) -> KernelSpec:
    if isinstance(given, KernelSpec):
        return given
    if isinstance(given, str):
        return specs.get(given)
    raise UsageError(f"a spec is a KernelSpec or the name of one, not {type(given).__name__}")


def _text(source: str) -> str:
    if isinstance(source, str):
        return source
    raise UsageError(f"a source is text, not {type(source).__name__}")


def _for_source(verdict: Verdict, source: str) -> Verdict:
    """The same verdict for a source that differs from the examined one at most in its comments."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    return verdict if verdict.source_sha256 == digest else verdict.model_copy(update={"source_sha256": digest})


def run_secret() -> bytes:
    """What seeds derive from: $CUDAGYM_SECRET, or a random one made on first use and kept in the cache folder."""
    if given := os.environ.get("CUDAGYM_SECRET"):
        return given.encode()
    path = cache_dir() / "secret"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside = path.with_name(f".secret-{secrets.token_hex(8)}")
            aside.touch(mode=0o600)
            try:
                aside.write_bytes(secrets.token_bytes(SECRET_BYTES))
                with suppress(FileExistsError):
                    os.link(aside, path)
            finally:
                aside.unlink()
        if len(kept := path.read_bytes()) < SECRET_BYTES:
            raise InfrastructureError(f"the run secret in {path} is damaged: delete that file")
        return kept
    except OSError as error:
        raise InfrastructureError(
            f"cannot keep the run secret in {path.parent}: {error.strerror}; set CUDAGYM_SECRET or CUDAGYM_CACHE"
        ) from error


@lru_cache(maxsize=1)
def _grader_fingerprint() -> str:
    """Changes whenever any file does that a verdict depends on."""
    root = Path(__file__).parent
    files = sorted(
        path
        for folder in (root, root / "build", root / "cuda", root / "simulator", root / "specs")
        for path in folder.iterdir()
        if path.suffix in (".py", ".c", ".h")
    )
    return key_of(*(path.read_bytes() for path in files))


_shared: dict[str, Grader] = {}
_shared_lock = threading.Lock()


def shared_grader(device: str = "auto") -> Grader:
    """The process's grader for a device, made on first use and closed at exit."""
    name = resolve_device(device)
    with _shared_lock:
        if name not in _shared:
            _shared[name] = Grader(name)
            atexit.register(_shared[name].close)
        return _shared[name]


def grade(
    spec: KernelSpec | str, source: str, *, device: str = "auto", seed: int = 0, evidence: bool = False
) -> Verdict:
    """Build, run and judge one CUDA source.

    `spec` is a KernelSpec, a name from `cudagym specs`, or `my_specs.py:name`; `device` is `sim:h100` and its
    like, `cuda:0`, or `auto`. `evidence` has NVIDIA's tools explain the verdict, on a card. Whatever the source does
    ends in the verdict. Raises UsageError for an unknown spec or device, InfrastructureError when this machine cannot
    grade (no compiler, no space).
    """
    if evidence:
        with Grader(device, evidence=True) as grader:
            return grader.grade(spec, source, seed=seed)
    return shared_grader(device).grade(spec, source, seed=seed)


def grade_many(
    items: Sequence[tuple[KernelSpec | str, str]],
    *,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Verdict]:
    """One verdict per (spec, source), in order: built as one group, examined in parallel. See `grade`."""
    return shared_grader(device).grade_many(items, seed=seed, progress=progress)
