"""Run configurations: the ones that come along are valid, and what is not understood is refused by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cudagym.config import BUILTIN, RunConfig, load, parse
from cudagym.errors import UsageError

BUILTINS = sorted(path.stem for path in BUILTIN.glob("*.yaml"))


@pytest.mark.parametrize("name", BUILTINS)
def test_every_configuration_that_comes_along_is_valid(name: str) -> None:
    assert load(name) == load(BUILTIN / f"{name}.yaml")


def test_the_demo_is_among_them() -> None:
    assert "demo" in BUILTINS


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"sead": 3}, r"unknown key `sead`.*`seed`"),
        ({"policy": {"hidden_sizes": 64}}, r"`policy`.*`hidden_sizes`.*`hidden_size`"),
        ({"sft": {"learningrate": 1e-3}}, r"`sft`.*`learningrate`.*SFTConfig.*`learning_rate`"),
        ({"grpo": {"num_generation": 4}}, r"`grpo`.*`num_generation`.*GRPOConfig.*`num_generations`"),
        ({"sft_lora": {"lora": {"rank": 4}}}, r"`sft_lora\.lora`.*`rank`.*LoraConfig"),
        ({"grpo": {"output_dir": "x"}}, r"`output_dir`.*sets itself"),
        ({"sft": {"learning_rate": "fast"}}, r"`learning_rate: 'fast'`"),
        ({"evaluate": {"samples": 0}}, r"`samples` is 0"),
        ({"rewards": {"speed": 1.0}}, r"speed"),
        (["seed"], r"must hold sections"),
    ],
)
def test_what_is_not_understood_is_refused_in_one_paragraph(values: object, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        parse(values, "run.yaml")
    assert "run.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_yaml_numbers_without_a_dot_are_numbers(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("grpo: {learning_rate: 2e-4, max_steps: 7}\n")
    assert load(file).grpo.trainer == {"learning_rate": 2e-4, "max_steps": 7}


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("")
    assert load(file) == RunConfig()


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml.*demo"):
        load(tmp_path / "nowhere.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("sft: [unclosed")
    with pytest.raises(UsageError, match=r"broken\.yaml is not valid YAML"):
        load(broken)


def test_importing_the_module_is_cheap() -> None:
    script = "import sys, cudagym.config; print([m for m in ('torch', 'trl', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
