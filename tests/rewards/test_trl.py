"""The TRL reward functions, called as TRL calls them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fake_grading import FakeGrading

from cudagym.errors import UsageError
from cudagym.rewards.terms import Weights
from cudagym.rewards.trl import make_reward_functions

COMPLETIONS = ["fast", "slow", "nonsense", "crash"]
TERMS = [[1.0, 1.0, 0.0, None], [1.0, 1.0, 0.0, None], [0.8, 0.2, 0.0, None]]


def call(function: Any, completions: list[Any], **extra: Any) -> list[float | None]:
    columns = {"spec": ["gelu_fp32"] * len(completions), "split": ["train"] * len(completions)}
    given: dict[str, Any] = {
        "prompts": ["p"] * len(completions),
        "completions": completions,
        "completion_ids": [[1]] * len(completions),
        "trainer_state": None,
        "environments": None,
    }
    result: list[float | None] = function(**given | columns | extra)
    return result


def test_each_function_gives_its_term_and_one_grading_serves_all(grading: FakeGrading) -> None:
    functions = make_reward_functions(device="sim:h100")
    assert [function.__name__ for function in functions] == [
        "compile_reward",
        "numeric_reward",
        "throughput_reward",
    ]
    assert [call(function, COMPLETIONS) for function in functions] == TERMS
    assert len(grading.batches) == 1
    call(functions[1], COMPLETIONS[:2])
    assert len(grading.batches) == 2


@pytest.mark.usefixtures("grading")
@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_function_works_alone(index: int) -> None:
    assert call(make_reward_functions()[index], COMPLETIONS) == TERMS[index]


@pytest.mark.usefixtures("grading")
def test_conversations_and_fenced_blocks_are_understood() -> None:
    throughput = make_reward_functions()[2]
    fenced = "Sure.\n```cuda\nfast\n```"
    spoken: list[Any] = [
        [{"role": "assistant", "content": fenced}],
        [{"role": "assistant", "content": "slow"}, {"role": "tool", "content": "fast"}],
        [{"role": "assistant", "content": None}],
        [],
    ]
    assert call(throughput, spoken) == [0.8, 0.2, 0.0, 0.0]


@pytest.mark.usefixtures("grading")
def test_what_a_batch_came_to_is_logged_once() -> None:
    metrics: list[tuple[str, float]] = []
    columns: list[tuple[str, list[Any]]] = []
    for function in make_reward_functions():
        call(
            function,
            COMPLETIONS,
            log_metric=lambda name, value: metrics.append((name, value)),
            log_extra=lambda name, values: columns.append((name, values)),
        )
    assert dict(metrics)["status/correct"] == 0.5
    assert dict(metrics)["status/grader_error"] == 0.25
    assert (dict(metrics)["groups/all"], dict(metrics)["groups/flat"]) == (1, 0)
    assert (dict(metrics)["compile_error/other"], dict(metrics)["compile_error/syntax"]) == (0.25, 0)
    assert dict(metrics)["fraction_of_peak/mean"] == pytest.approx(0.5)
    assert dict(metrics)["fraction_of_peak/best"] == 0.8
    assert len(metrics) == len(dict(metrics))
    assert columns == [
        ("spec", ["gelu_fp32"] * 4),
        ("status", ["correct", "correct", "build_failed", "grader_error"]),
        ("fraction_of_peak", [0.8, 0.2, None, None]),
    ]


@pytest.mark.usefixtures("grading")
def test_a_batch_without_a_correct_completion_has_no_fraction() -> None:
    metrics: dict[str, float] = {}
    call(make_reward_functions()[0], ["nonsense", "crash"], log_metric=metrics.__setitem__)
    assert "status/correct" in metrics
    assert "fraction_of_peak/mean" not in metrics


def test_the_same_completions_in_the_next_step_are_a_batch_of_their_own(grading: FakeGrading) -> None:
    heard: list[int] = []
    functions = make_reward_functions(listener=lambda step, _: heard.append(step))
    for step in (0, 1):
        for function in functions:
            call(function, COMPLETIONS, trainer_state=SimpleNamespace(global_step=step))
    assert (heard, len(grading.batches)) == ([0, 1], 2)


@pytest.mark.usefixtures("grading")
def test_groups_whose_completions_all_earn_the_same_are_counted() -> None:
    metrics: dict[str, float] = {}
    groups = {"p": ["fast", "fast"], "q": ["fast", "slow"], "r": ["nonsense", "crash"], "s": ["crash", "crash"]}
    completions = [text for texts in groups.values() for text in texts]
    prompts = [name for name, texts in groups.items() for _ in texts]
    call(make_reward_functions()[0], completions, prompts=prompts, log_metric=metrics.__setitem__)
    assert (metrics["groups/all"], metrics["groups/flat"]) == (4, 3)


@pytest.mark.usefixtures("grading")
def test_a_data_set_without_specs_is_refused() -> None:
    with pytest.raises(UsageError, match="column `spec`"):
        make_reward_functions()[0](prompts=["p"], completions=["fast"])


@pytest.mark.usefixtures("grading")
def test_the_weighted_sum_is_the_environments_reward() -> None:
    from cudagym.envs.kernel_env import KernelEnv

    weights = Weights(compile=0.2, numeric=0.5, throughput=1.0)
    env = KernelEnv("gelu_fp32", weights=weights)
    env.reset(seed=0)
    terms = [call(function, ["slow"])[0] for function in make_reward_functions()]
    assert env.step("slow")[1] == pytest.approx(
        sum(weight * (term or 0) for weight, term in zip(weights.in_order(), terms, strict=True))
    )


@pytest.mark.usefixtures("grading")
def test_shuffled_rewards_stay_in_their_group_and_travel_whole() -> None:
    heard: list[str] = []
    functions = make_reward_functions(
        shuffled=True, listener=lambda step, batch: heard.extend(each.verdict.status for each in batch)
    )
    completions = ["fast", "slow", "nonsense", "crash", *["nonsense"] * 4, *["fast", "crash"] * 4]
    groups = ["p"] * 4 + ["q"] * 4 + ["r"] * 8

    def paid(step: int) -> list[tuple[float | None, ...]]:
        extra = {"prompts": groups, "trainer_state": SimpleNamespace(global_step=step)}
        return list(zip(*(call(function, completions, **extra) for function in functions), strict=True))

    plain = list(zip(*(call(function, completions) for function in make_reward_functions()), strict=True))
    steps = [paid(step) for step in range(12)]
    for step in steps:
        for start, end in ((0, 4), (4, 8), (8, 16)):
            assert sorted(map(str, step[start:end])) == sorted(map(str, plain[start:end]))
    assert paid(3) == steps[3]
    firsts = {step[0] for step in steps}
    assert firsts == set(plain[:4])  # every reward of the group reached its first completion in some step
    assert heard[:4] == ["correct", "correct", "build_failed", "grader_error"]
