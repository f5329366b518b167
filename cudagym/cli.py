"""The command line: `cudagym doctor | specs | grade | profile | collect | dataset | sft | grpo | evaluate | compare |
report | demo`.

Exit codes: 0 done, whatever the verdict; 2 bad arguments, with a sentence on standard error; 3 the grader or the
machine failed, which says nothing about the kernel; 130 interrupted. With `--json`, standard output carries one
JSON value and nothing else.

Commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import json as json_text
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import tyro
from tyro.conf import FlagCreatePairsOff, OmitArgPrefixes, Positional, UseAppendAction, arg

from cudagym.errors import CudagymError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cudagym.agents.loop import Loop
    from cudagym.report import ComparisonRow
    from cudagym.specs.spec import KernelSpec

DONE, BAD_ARGUMENTS, GRADER_FAILED, INTERRUPTED, PIPE_CLOSED = 0, 2, 3, 130, 141
MAX_INPUT_BYTES = 16 << 20

app = tyro.extras.SubcommandApp()

Split = Literal["train", "unseen_shape", "unseen_op", "unseen_dtype", "unseen_family"]
Teacher = Literal["scripted", "claude"]
Agent = Literal["scripted", "claude", "empty", "zeros"]
Json = Annotated[FlagCreatePairsOff[bool], arg(help="Print one JSON value instead of text.")]
Device = Annotated[str, arg(help="Where kernels run: cuda:0, sim:h100, sim:a100, ... (`cudagym doctor` lists them).")]


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit. Bad input ends in a sentence on standard error, never in a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code: int = app.cli(prog="cudagym", description=_DESCRIPTION, args=args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except UsageError as error:
        code = _complain(str(error), BAD_ARGUMENTS)
    except CudagymError as error:
        code = _complain(str(error), GRADER_FAILED)
    except OSError as error:  # a full disk, a folder that may not be written to
        place = f": {error.filename}" if error.filename else ""
        code = _complain(f"{error.strerror or error}{place}. When that is mended, repeat the command.", GRADER_FAILED)
    sys.exit(code)


_DESCRIPTION = """Write CUDA kernels, have them graded without a GPU, and train models that write them.

Start with `cudagym doctor`, then `cudagym specs`, then `cudagym grade`; `cudagym demo` runs the whole loop.
"""


@app.command
def doctor(json: Json = False) -> int:
    """Say what this machine has for grading and training; exit code 3 when grading lacks something."""
    from cudagym import doctor as examiner
    from cudagym import report

    found = examiner.examine()
    if json:
        _print_json(found)
    else:
        _print(report.doctor_table(found))
    return GRADER_FAILED if found["problems"] else DONE


@app.command
def specs(
    name: Annotated[Positional[str], arg(metavar="[SPEC|FILE.py]")] = "",
    split: Split | None = None,
    device: Device = "auto",
    json: Json = False,
) -> int:
    """List the kernels that can be asked for, or print what an agent is told about one.

    For example `cudagym specs`, `cudagym specs --split unseen_family`, `cudagym specs softmax_fp32`.

    Args:
        name: A spec, or a Python file that declares some. Without, all specs.
        split: Only this split.
    """
    from cudagym import report
    from cudagym import specs as known
    from cudagym.devices import gpu_of, resolve_device

    told = name and not name.endswith(".py") and not json
    card = gpu_of(resolve_device(device)) if told or device != "auto" else None
    chosen = known.select(name) if name else known.all_specs()
    if split is not None:
        chosen = tuple(spec for spec in chosen if spec.split == split)
    if json:
        _print_json([_outline(spec) for spec in chosen])
    elif card and told:
        from cudagym import prompts

        sys.stdout.write("\n".join(prompts.render(spec, card) for spec in chosen))
    else:
        _print(report.specs_table(chosen))
    return DONE


@app.command
def grade(
    spec: str,
    source: Path,
    device: Device = "auto",
    seed: int = 0,
    evidence: FlagCreatePairsOff[bool] = False,
    unsafe: FlagCreatePairsOff[bool] = False,
    json: Json = False,
) -> int:
    """Compile, run and judge one CUDA source: what is wrong and where, or how long it takes and what limits it.

    For example `cudagym grade --spec softmax_fp32 --source my_softmax.cu --device sim:a100`.
    The exit code is 0 whenever a verdict was reached, 2 for bad arguments, 3 when the grader failed.

    Args:
        spec: A name from `cudagym specs`, or my_specs.py:name.
        source: A file that defines `extern "C" void solve(...)`; - reads standard input.
        seed: Decides the inputs the kernel is checked on.
        evidence: On a card, have compute-sanitizer and Nsight Compute explain the verdict: seconds more.
        unsafe: Grade a source that you trust where the kernel lacks Landlock or seccomp (as CUDAGYM_UNSAFE=1).
    """
    if unsafe:
        os.environ["CUDAGYM_UNSAFE"] = "1"
    from cudagym import grader, report
    from cudagym.rewards.terms import TERMS, score

    verdict = grader.grade(spec, read_source(source), device=device, seed=seed, evidence=evidence)
    reward = score(verdict)
    if json:
        scored = {
            "reward": reward.total if reward else None,
            "rewards": reward.terms.model_dump() if reward else dict.fromkeys(TERMS),
        }
        _print_json(verdict.model_dump(mode="json") | scored)
    else:
        _print(report.verdict_table(verdict, reward.total if reward else None))
    return DONE if verdict.is_valid else GRADER_FAILED


@app.command
def profile(
    source: Annotated[Positional[Path], arg(metavar="FILE")],
    spec: str,
    device: Device = "auto",
    seed: int = 0,
    html: Annotated[Path | None, arg(metavar="FILE")] = None,
    json: Annotated[Path | None, arg(metavar="FILE")] = None,
) -> int:
    """Say what a profiler would of one CUDA source: what limits it, occupancy, memory traffic, its hottest lines.

    For example `cudagym profile my_softmax.cu --spec softmax_fp32 --device sim:a100 --html softmax.html`.
    It runs at the spec's timing shape; whether its numbers are right only `cudagym grade` says.

    Args:
        source: A file that defines `extern "C" void solve(...)`; - reads standard input.
        spec: A name from `cudagym specs`, or my_specs.py:name.
        seed: Decides the inputs and which thread blocks are observed.
        html: Write a page with a roofline plot there.
        json: Write the figures there; - prints them instead of text.
    """
    from cudagym import profile_page, report
    from cudagym import specs as known
    from cudagym.profile import profile as profiled

    text = read_source(source)
    found = profiled(known.get(spec), text, device=device, seed=seed)
    if html is not None:
        _write(html, profile_page.render(found))
    figures = found.model_dump_json(indent=2) + "\n"
    if str(json) == "-":
        sys.stdout.write(figures)
    else:
        if json is not None:
            _write(json, figures)
        _print(report.profile_report(found))
    return DONE


@dataclass(frozen=True)
class RunOptions:
    """What every command that trains or evaluates takes."""

    config: str = "demo"
    """A YAML file, or the name of a configuration that comes with cudagym."""
    set: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="KEY=VALUE")] = ()
    """A setting that wins over the file, as often as needed: --set grpo.max_steps=10 --set seed=3"""
    name: Annotated[str | None, arg(metavar="NAME")] = None
    """The run's id; the same name and settings continue a run. Without: the configuration's name, or for
    `evaluate` a new one."""
    runs: Path = Path("runs")
    """The folder of all runs."""
    json: Json = False

    def open(self, name: str | None) -> Loop:
        """The stages of the run `self.name`, else `name`, else a new one.

        Raises UsageError for what is wrong with the configuration or the folder. A configuration that is refused
        leaves no folder, which would stand in the way of the mended one.
        """
        from cudagym import config

        config.prepare_environment()  # before anything imports torch
        settings = config.load(self.config, self.set)
        from cudagym.agents import preflight

        origin = " with ".join([self.config, *[" ".join(self.set)] * bool(self.set)])
        preflight.check(settings, origin, learning=name is not None)
        from cudagym.agents.loop import Loop
        from cudagym.runs import RunFolder

        seeds = {"run": settings.seed}
        folder = RunFolder.open_or_create(self.runs, self.name or name, config=settings.identity, seeds=seeds)
        return Loop(folder, settings)

    @property
    def stem(self) -> str:
        return Path(self.config).stem


Run = Annotated[RunOptions, OmitArgPrefixes]


@app.command
def collect(
    run: Run,
    teacher: Teacher = "scripted",
    dry_run: Annotated[FlagCreatePairsOff[bool], arg(help="Only print what asking Claude would cost.")] = False,
) -> int:
    """Have a teacher write kernels for the train specs, and grade them: what `cudagym sft` of the same run learns from.

    For example `cudagym collect --teacher claude --name first --set claude.budget_usd=5`, with ANTHROPIC_API_KEY set.
    Repeating it resumes, and pays for nothing twice.

    Args:
        teacher: `scripted` costs nothing; `claude` asks Anthropic's API as section `claude` of the configuration says.
    """
    if dry_run:
        return _estimate(run, teacher)
    loop = run.open(run.stem)
    if teacher == "scripted":
        loop.demonstrate()
        found = loop.verified
        told: dict[str, Any] = {"correct": len(found)}
        text = f"{len(found)} correct kernels"
    else:
        summary = loop.ask_claude()
        told = summary.model_dump()
        stops = ", ".join(f"{count} {reason}" for reason, count in summary.stops.items())
        text = (
            f"{summary.answers} answers ({stops or 'none'}) in {summary.conversations} conversations, "
            f"{summary.correct} correct; ${summary.usd:.2f} spent"
        )
        for reason, count in summary.failures.items():
            text += f"\n{count} request{'s' * (count > 1)} brought no answer: {reason}"
        if summary.exhausted:
            text += (
                f"\nThe budget has no room for another request, and {summary.unfinished} conversations are unfinished: "
                "raise it with --set claude.budget_usd=... to go on."
            )
    if run.json:
        _print_json({"rollouts": str(loop.run.rollouts), **told})
    else:
        print(f"{text}\nThey are in {loop.run.rollouts}; learn from them: cudagym sft --name {loop.run.name}")
    return DONE


def _estimate(run: RunOptions, teacher: Teacher) -> int:
    """Print what `collect` would cost."""
    if teacher != "claude":
        raise UsageError("--dry-run is for --teacher claude: the scripted teacher costs nothing.")
    from cudagym import config
    from cudagym import specs as known
    from cudagym.agents import estimate, ledger
    from cudagym.agents.demonstrations import check_trainable
    from cudagym.devices import resolve_device
    from cudagym.rewards.terms import Weights
    from cudagym.runs import RunFolder

    settings = config.load(run.config, run.set)
    kernels = known.select(settings.collect.specs)
    for kernel in kernels:
        check_trainable(kernel.name, kernel.split)
    found = estimate.estimate(
        kernels,
        settings.claude,
        ledger.read(RunFolder(run.runs / (run.name or run.stem)).claude),
        device=resolve_device(settings.device),
        weights=Weights.parse(settings.rewards),
    )
    if run.json:
        _print_json(found.model_dump(mode="json"))
    else:
        _print(estimate.estimate_table(found))
    return DONE


@app.command
def dataset(
    runs: Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN...")],
    out: Annotated[Path, arg(metavar="FOLDER")],
    keep: int = 4,
    least: float = 0.0,
    near: float = 0.85,
    pairs: int = 8,
    agents: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="AGENT")] = (),
    json: Json = False,
) -> int:
    """Write the best kernels of runs as a Hugging Face data set: kernels, conversations, preferences, and a card.

    For example `cudagym dataset runs/first --out kernels --keep 8`. Rollouts for held-out specs are refused.

    Args:
        runs: Folders of runs, such as runs/demo.
        out: A folder that does not exist yet.
        keep: Kernels per spec and device, at most: the fastest that differ in structure.
        least: The least fraction of peak of a kernel, relative to the best one of its spec and device.
        near: Of sources that share this much, names and numbers apart, the fastest stays.
        pairs: Preference pairs per question, at most.
        agents: Whose rollouts, as often as needed: scripted, claude, training for GRPO's. Default: the teachers'.
    """
    from cudagym import config

    config.prepare_environment()  # before anything imports torch
    from cudagym.agents import dataset as writer
    from cudagym.agents.demonstrations import TEACHERS

    settings = {"keep": keep, "least": least, "near": near, "pairs": pairs, "agents": agents or TEACHERS}
    summary = writer.build(runs, out, writer.selection(settings))
    if json:
        _print_json({"folder": str(out), **summary.model_dump(mode="json")})
    else:
        print(
            f"{summary.samples} of {summary.correct} correct kernels for {len(summary.specs)} specs, "
            f"{summary.conversations} of them after repairs, and {summary.pairs} preference pairs.\n"
            f"Left out: {summary.duplicates} near-duplicates, {summary.slow} slow ones, {summary.crowded} beyond "
            f"{keep} per spec and device.\nThey are in {out}; {out / 'README.md'} says what they are."
        )
    return DONE


@app.command
def sft(run: Run) -> int:
    """Teach a small policy from its run's teachers' verified kernels, with TRL's SFTTrainer.

    For example `cudagym sft --name first --set sft.max_steps=200`. A run that has no kernels yet collects the
    scripted teacher's.
    """
    return _trained(run, run.open(run.stem).sft())


@app.command
def grpo(
    run: Run,
    dry_run: Annotated[FlagCreatePairsOff[bool], arg(help="Only check the settings, and say what they mean.")] = False,
    pass_rates: Annotated[FlagCreatePairsOff[bool], arg(help="Only measure the curriculum's pass rates.")] = False,
) -> int:
    """Refine the policy of `cudagym sft` with TRL's GRPOTrainer on the environment's own reward.

    For example `cudagym grpo --name first --set grpo.max_steps=10`. Runs the stages before it where
    they are missing. `cudagym grpo --config qwen2.5-coder-7b --dry-run` needs neither weights nor a GPU.
    """
    if dry_run:
        from cudagym import config

        config.prepare_environment()  # before anything imports torch
        from cudagym.agents import rehearsal

        told = rehearsal.rehearse(config.load(run.config, run.set), run.config)
        if run.json:
            _print_json(told)
        else:
            _print(rehearsal.rehearsal_table(told))
        return DONE
    if pass_rates:
        _print_json(run.open(run.stem).pass_rates())
        return DONE
    return _trained(run, run.open(run.stem).grpo())


@app.command
def evaluate(
    run: Run,
    checkpoint: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="FOLDER|HUB/NAME")] = (),
    agent: UseAppendAction[tuple[Agent, ...]] = (),
    policy: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME")] = (),
    split: UseAppendAction[tuple[Split, ...]] = (),
    base: Annotated[str | None, arg(metavar="FOLDER|HUB/NAME")] = None,
) -> int:
    """Sample policies on train and held-out specs, grade what they write, and print scores with intervals; several at
    once are compared, pair by pair. With --name, repeating it resumes.

    For example `cudagym evaluate --name demo --checkpoint runs/demo/checkpoints/grpo --agent scripted --agent zeros`.

    Args:
        checkpoint: A folder that transformers loads, the folder of a LoRA adapter, or a name on the Hugging Face hub.
        agent: The scripted teacher; Claude, within claude.budget_usd; or lazy sources, with an empty body or that clear
            the outputs.
        policy: What tables and rollouts call them, one for each, checkpoints first. Default: the checkpoint folder's
            name, `teacher`, Claude's model, `empty` and `zeros`.
        split: Only these splits, instead of evaluate.specs.
        base: What the adapters were trained on, when it does not lie where they say.
    """
    from cudagym import config, report

    config.prepare_environment()  # before anything imports torch
    from cudagym.agents import evaluations
    from cudagym.agents.policy import check_checkpoint, resolve

    if split:
        run = replace(run, set=(*run.set, f"evaluate.specs=[{', '.join(split)}]"))
    names = _names(checkpoint, agent, policy, run)
    under = None if base is None else resolve(base)
    folders = [resolve(each) for each in checkpoint]
    for folder in folders:
        check_checkpoint(folder, under)
    loop = run.open(None)
    if run.name is None:
        print(f"This run is {loop.run.path}; --name {loop.run.name} resumes it.", file=sys.stderr)
    writers = [loop.checkpoint(folder, under) for folder in folders]
    found = [loop.evaluate(writer, name) for writer, name in zip(writers, names, strict=False)]
    for each, name in zip(agent, names[len(writers) :], strict=True):
        if each == "claude":
            found.append(loop.evaluate_claude(name))
        else:
            found.append(loop.evaluate(loop.teacher() if each == "scripted" else loop.lazy(each), name))
    gains = evaluations.compare_all(found)
    if run.json:
        rows = [row.model_dump(mode="json") for row in gains]
        _print_json({"run": str(loop.run.path), "policies": [each.summary() for each in found], "comparisons": rows})
    else:
        _print(report.scores_table([row for each in found for row in each.rows]), width=report.WIDE)
        _print(report.families_table([row for each in found for row in each.families]), width=report.WIDE)
        _print_gains(gains)
        print(f"Every attempt: {loop.run.rollouts}; scores: {loop.run.path / 'scores.json'}")
    return DONE


def _names(
    checkpoints: Sequence[str], agents: Sequence[Agent], given: Sequence[str], run: RunOptions
) -> tuple[str, ...]:
    """What the policies are called. Raises UsageError for none, names that cannot be, and two of one name."""
    from cudagym import config
    from cudagym.agents.evaluate import check_name

    if not checkpoints and not agents:
        raise UsageError("nothing to evaluate: name a policy with --checkpoint or --agent.")
    names = tuple(given)
    if not names:
        usual = {"scripted": "teacher", "empty": "empty", "zeros": "zeros"}
        if "claude" in agents:
            usual["claude"] = config.load(run.config, run.set).claude.model
        names = (*(Path(each).resolve().name for each in checkpoints), *(usual[each] for each in agents))
    if len(names) != len(checkpoints) + len(agents):
        raise UsageError(f"--policy names {len(names)} of {len(checkpoints) + len(agents)} policies: name all or none.")
    for name in names:
        check_name(name)
    if len(set(names)) < len(names):
        raise UsageError(f"two policies are called alike ({', '.join(names)}): name each with --policy, in this order.")
    return names


@app.command
def compare(
    evaluations: Annotated[Positional[tuple[str, ...]], arg(metavar="RUN[:POLICY]")], json: Json = False
) -> int:
    """Compare evaluations pair by pair on the same specs and samples: per split, with intervals.

    For example `cudagym compare runs/demo:sft runs/demo:grpo`, or `cudagym compare runs/seed0:grpo runs/control:grpo`.

    Args:
        evaluations: Folders of runs, each for all its evaluations, or with a policy for one of them.
    """
    from cudagym.agents import evaluations as kept

    found = kept.named(evaluations)
    if len(found) < 2:
        raise UsageError("a comparison needs two evaluations: name another run or policy.")
    gains = kept.compare_all(found)
    if json:
        _print_json([row.model_dump(mode="json") for row in gains])
    else:
        _print_gains(gains)
    return DONE


def _print_gains(gains: Sequence[ComparisonRow]) -> None:
    from cudagym import report

    if gains:
        _print(report.comparisons_table([row for row in gains if row.family == report.ALL]), width=report.WIDE)


@app.command(name="report")
def write_report(run: Annotated[Positional[Path], arg(metavar="RUN")], profiles: int = 3, json: Json = False) -> int:
    """Write a run as one HTML page: what ran, learning curves, scores, the best kernels, failures, cost.

    For example `cudagym report runs/demo`. The page is report.html in the run's folder, and needs nothing else.

    Args:
        run: The folder of a run, finished or not.
        profiles: How many of the best kernels get a whole profile, those farthest from peak first. Takes seconds each.
    """
    from cudagym import config

    config.prepare_environment()  # before anything imports torch
    from cudagym.agents import run_page

    file = run_page.write(run, profiles=profiles, say=lambda text: print(text, file=sys.stderr))
    if json:
        _print_json({"report": str(file)})
    else:
        print(f"The report: {file}")
    return DONE


@app.command
def demo(run: Run) -> int:
    """Run the whole loop: collect demonstrations, SFT, GRPO, evaluation, and a table. Repeating it resumes.

    For example `cudagym demo`, or `cudagym demo --name quick --set sft.max_steps=50 --set grpo.max_steps=2`.
    """
    loop = run.open(run.stem)
    table = loop.demo()
    from cudagym.agents import run_page

    page = run_page.write(loop.run.path)
    if run.json:
        _print_json(json_text.loads(loop.run.metrics.read_text(encoding="utf-8")))
    else:
        print(f"{table}\n\nThe same with curves and kernels: {page}\nEverything it wrote: {loop.run.path}")
    return DONE


def _trained(run: RunOptions, checkpoint: Path) -> int:
    if run.json:
        _print_json({"checkpoint": str(checkpoint)})
    else:
        print(f"The trained policy: {checkpoint}\nHow good it is: cudagym evaluate --checkpoint {checkpoint}")
    return DONE


def read_source(path: Path) -> str:
    """The text of a source file; bytes that are no UTF-8 become U+FFFD. `-` is standard input.

    Raises UsageError when it cannot be read, or is larger than MAX_INPUT_BYTES.
    """
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with path.open("rb") as stream:
                data = stream.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the source file {path}: {error.strerror}") from None
    if len(data) > MAX_INPUT_BYTES:
        raise UsageError(f"{path} is larger than {MAX_INPUT_BYTES >> 20} MiB, which no CUDA source needs")
    return data.decode("utf-8", "replace")


def _write(path: Path, text: str) -> None:
    """Raises UsageError when the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _outline(spec: KernelSpec) -> dict[str, Any]:
    """What `specs --json` says of one spec."""
    return {
        "name": spec.name,
        "family": spec.family,
        "split": spec.split,
        "signature": spec.signature,
        "check_shapes": [dict(shape) for shape in spec.check_shapes],
        "timing_shape": dict(spec.timing_shape),
    }


def _print(renderable: RenderableType, width: int = 120) -> None:
    """`width` is that of a file or a pipe."""
    from rich.console import Console

    Console(highlight=False, width=None if sys.stdout.isatty() else width).print(renderable)


def _print_json(value: Any) -> None:
    print(json_text.dumps(value, indent=2))


def _complain(sentence: str, code: int) -> int:
    print(f"cudagym: {sentence}", file=sys.stderr)
    return code


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    """Leave as for Ctrl-C, so that children are ended and files closed."""
    sys.exit(128 + signum)
