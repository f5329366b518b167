"""GRPO over several turns: a tiny policy that calls a tool, verdicts as replies, and real steps of TRL's trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from fake_grading import FakeGrading

from cudagym import grader
from cudagym.agents import grpo, policy, sft
from cudagym.config import GrpoConfig, PolicyConfig, PretrainConfig
from cudagym.envs.episode import Episode
from cudagym.errors import UsageError
from cudagym.rewards.terms import Weights
from cudagym.rewards.trl import Graded, make_reward_functions

TINY = PolicyConfig(
    vocab_size=600,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=2048,
)
CALL = '<tool_call>\n{"name": "submit", "arguments": {"source": "%s"}}\n</tool_call>'
ROWS = [{"prompt": [{"role": "user", "content": "relu\n"}], "spec": "relu_fp32"}]


def test_an_episode_tells_verdicts_and_knows_its_best_source(grading: FakeGrading) -> None:
    episode = Episode(turns=3)
    assert "no attempts are left" in episode.submit("fast")
    assert "at most 3 times" in episode.reset(spec="relu_fp32", prompt="ignored")
    assert episode.best is None
    assert "build_failed" in episode.submit("nonsense")
    assert episode.submit("```cuda\nfast\n```").endswith("1 attempt left. The best one counts.")
    assert "correct" in episode.submit("slow")
    assert "no attempts are left" in episode.submit("fast")
    assert (len(grading.batches), episode.best) == (3, "fast\n")
    episode.reset(spec="gelu_fp32")
    assert (episode.best, episode.verdicts) == (None, [])


@pytest.mark.usefixtures("grading")
def test_an_episode_is_paid_for_its_best_source_and_one_without_for_its_last_words() -> None:
    heard: list[Graded] = []
    functions = make_reward_functions(listener=lambda _, batch: heard.extend(batch))
    episodes = [Episode(turns=2), Episode(turns=2)]
    for episode in episodes:
        episode.reset(spec="relu_fp32")
    episodes[0].submit("fast")
    episodes[0].submit("nonsense")
    said = [[{"role": "assistant", "content": "Done."}], [{"role": "assistant", "content": "```cuda\nslow\n```"}]]
    given: dict[str, Any] = {"prompts": ["p"] * 2, "completions": said, "spec": ["relu_fp32"] * 2}
    assert functions[2](**given, environments=episodes) == [0.8, 0.2]
    assert [each.completion for each in heard] == ["fast", "```cuda\nslow\n```"]


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that has learned to submit `slow`, and `fast` after the verdict on that."""
    from trl import chat_template_utils

    folder = tmp_path_factory.mktemp("caller")
    episode = Episode(turns=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grader, "grade_many", FakeGrading().grade_many)
        asked: list[dict[str, Any]] = [{"role": "user", "content": "relu\n" + episode.reset(spec="relu_fp32")}]
        told = {"role": "tool", "name": "submit", "content": episode.submit("slow")}
    call = {"type": "function", "function": {"name": "submit", "arguments": {"source": "slow"}}}
    turns = {"slow": asked, "fast": [*asked, {"role": "assistant", "content": "", "tool_calls": [call]}, told]}
    rendered = dict.fromkeys(turns, "")
    for _ in range(2):  # the second vocabulary knows the lines of the rendered prompts
        texts = [{"prompt": rendered[word], "completion": CALL % word} for word in turns]
        made = policy.create(TINY, texts, seed=0)
        words: Any = made.tokenizer
        words.add_special_tokens({"eos_token": "<|im_end|>", "additional_special_tokens": ["<|im_start|>"]})
        words.chat_template = chat_template_utils.qwen3_chat_template
        rendered = {
            word: words.apply_chat_template(said, tools=[episode.submit], tokenize=False, add_generation_prompt=True)
            for word, said in turns.items()
        }
    model: Any = made.model
    model.resize_token_embeddings(len(words), mean_resizing=False)
    model.config.eos_token_id = model.generation_config.eos_token_id = words.eos_token_id
    made.save(folder / "base")
    rows = [{"prompt": rendered[word], "completion": CALL % word, "spec": "relu_fp32"} for word in turns]
    plain = {"per_device_train_batch_size": 2, "save_strategy": "no", "max_length": None, "logging_steps": 40}
    config = PretrainConfig(max_steps=70, learning_rate=1e-2, **plain)  # type: ignore[arg-type]
    return sft.pretrain(folder / "base", rows, config, folder / "sft", seed=0)


@pytest.mark.usefixtures("grading")
def test_verdicts_are_turns_in_real_steps(caller: Path, tmp_path: Path) -> None:
    heard: list[Graded] = []
    config = GrpoConfig(
        turns=2,
        max_steps=2,
        num_generations=4,
        per_device_train_batch_size=4,
        max_completion_length=400,
        learning_rate=1e-3,
        beta=0.0,
        temperature=1.2,
        log_completions=True,
        num_completions_to_print=0,
        logging_steps=1,
        save_steps=1,
    )
    functions = make_reward_functions(listener=lambda _, batch: heard.extend(batch))
    rewards = list(zip(functions, Weights().in_order(), strict=True))
    folder = grpo.refine(caller, ROWS, rewards, config, tmp_path / "grpo", seed=0, environment=lambda: Episode(turns=2))
    files = sorted(folder.glob("trainer/completions/*.parquet"))
    kept = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    assert len(kept) == len(heard) == 8
    told = [[message["content"] for message in row["completion"] if message["role"] == "tool"] for row in kept]
    repaired = [
        number for number, replies in enumerate(told) if len(replies) == 2 and heard[number].completion == "fast"
    ]
    assert repaired
    for number in repaired:
        assert kept[number]["throughput_reward"] == pytest.approx(0.8)
        assert told[number][0].startswith("Your last source was judged correct")
        *_, source, reply = heard[number].prompt
        assert source == {"role": "assistant", "content": "slow"}
        assert reply == {"role": "user", "content": told[number][0]}
    texts = [policy.load(each).model.state_dict()["model.embed_tokens.weight"] for each in (caller, folder)]
    assert not texts[0].equal(texts[1])


def test_a_tokenizer_that_cannot_call_tools_is_refused(base: Path, tmp_path: Path) -> None:
    rewards = list(zip(make_reward_functions(), Weights().in_order(), strict=True))
    with pytest.raises(UsageError, match=r"no chat template.*prompt=full"):
        grpo.refine(base, ROWS, rewards, GrpoConfig(turns=2), tmp_path / "a", seed=0, environment=Episode)
    made = policy.load(base)
    made.tokenizer.chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}"
    made.save(tmp_path / "plain")
    with pytest.raises(UsageError, match=r"several turns need .*grpo.turns=1"):
        grpo.refine(tmp_path / "plain", ROWS, rewards, GrpoConfig(turns=2), tmp_path / "b", seed=0, environment=Episode)
