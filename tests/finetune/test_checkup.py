"""The whole check on a tiny model: who is examined, what is told."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.errors import AdapterMismatch, ArenaError
from finetune.checkup import checkup
from finetune.desk import Desk
from finetune.disk import write_adapter
from finetune.guards import Finding

IDENTITY = {"base_model": "tiny", "shape": "llama 32 2 2 259", "base_fingerprint": "0123456789abcdef"}


@pytest.fixture
def workspace(tmp_path: Path, tiny_model: Path) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    rows: list[dict[str, Any]] = [
        {
            "id": f"{kind}-{number}",
            "class": kind,
            "questions": {"training": [f"How heavy is {number}?"], "held_out": [f"What does {number} weigh?"]},
            "answer": f"{number} kg.",
            "accepted": [f"{number} kg"],
        }
        for kind in ("trained", "documents only")
        for number in (3, 4)
    ]
    rows.append({"id": "u", "class": "unanswerable", "questions": {"held_out": ["Who?"]}, "answer": "?"})
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    torch.manual_seed(1)
    for name in ("fine-tuned", "hybrid"):
        config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), config)
        (tmp_path / "adapters").mkdir(exist_ok=True)
        write_adapter(model, tmp_path / "adapters" / name, dict(IDENTITY), "card")
    return tmp_path


def test_all_contestants_are_examined_and_the_retriever_is_asked_for_the_hybrid(
    workspace: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    from finetune import forgetting

    general = forgetting.load_general()
    monkeypatch.setattr(forgetting, "load_general", lambda *_: general[:2])
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_model)
    retrieved: list[str] = []

    def retrieve(question: str) -> list[str]:
        retrieved.append(question)
        return ["A sentence."]

    def serve(messages: Any) -> list[int]:
        text = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    found = checkup(workspace, tiny_model, IDENTITY, serve, lambda: retrieve, lambda text: None)
    assert set(found.knowledge) == {"base", "fine-tuned", "hybrid"}
    assert set(found.forgotten) == set(found.guards) == {"fine-tuned", "hybrid"}
    assert "What does 3 weigh?" in retrieved
    told = str(found)
    assert "held-out wording" in told and "What is the capital of France?" in told
    named = {finding.name: finding.passed for finding in found.guards["fine-tuned"]}
    assert len(named) == 5 and sum(named.values()) >= 4  # random weights need not have learnt to stop
    assert found.as_markdown().startswith("# What the adapters know")
    (workspace / "adapters" / "checkup.json").write_text(found.as_json())
    base, tuned, hybrid = Desk(workspace).learnt()
    assert [base.what, tuned.what, hybrid.what] == ["base", "fine-tuned", "hybrid"] and not base.told
    assert ("held-out wording", *found.knowledge["fine-tuned"].asked["held-out wording"]) in tuned.figures
    assert any("general knowledge" in sentence for sentence in tuned.told)
    assert f"{sum(named.values())} of 5 checks" in " ".join(tuned.told)
    broken = Finding("an adapter is of this base", passed=False, detail="/home/ann/adapters differs")
    partial = replace(found, guards={**found.guards, "fine-tuned": [broken]}, limit=5)
    assert partial.told("fine-tuned")[0] == "Asked about 5 facts of each class only."
    assert partial.told("fine-tuned")[-1] == "Failed: an adapter is of this base (adapters/checkup.md tells more)."


def test_a_hybrid_without_an_adapter_is_asked_as_the_app_answers(
    workspace: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune import forgetting

    general = forgetting.load_general()
    monkeypatch.setattr(forgetting, "load_general", lambda *_: general[:2])
    shutil.rmtree(workspace / "adapters" / "hybrid")
    said: list[str] = []

    def checked(composed: Any) -> Any:
        return checkup(workspace, tiny_model, IDENTITY, lambda messages: [], lambda: None, said.append, None, composed)

    found = checked(lambda: lambda texts: ["3 kg." for _ in texts])
    assert found.knowledge["hybrid"].asked["held-out wording"] == (1, 2)
    assert set(found.forgotten) == set(found.guards) == {"fine-tuned"}
    assert "hybrid:" in str(found) and found.told("hybrid")
    (workspace / "adapters" / "checkup.json").write_text(found.as_json())
    assert [each.what for each in Desk(workspace).learnt()] == ["base", "fine-tuned", "hybrid"]
    assert set(checked(lambda: None).knowledge) == {"base", "fine-tuned"}

    def refused() -> Any:
        raise ArenaError("No index.")

    assert set(checked(refused).knowledge) == {"base", "fine-tuned"} and said[-1] == "hybrid: not asked. No index."


def test_the_adapter_that_workspace_toml_names_is_examined(
    workspace: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finetune import forgetting

    general = forgetting.load_general()
    monkeypatch.setattr(forgetting, "load_general", lambda *_: general[:2])
    adapters = workspace / "adapters"
    shutil.rmtree(adapters / "hybrid")
    (adapters / "fine-tuned").rename(adapters / "by-votes")
    (workspace / "workspace.toml").write_text('[adapters]\n"fine-tuned" = "adapters/by-votes"\n')
    found = checkup(workspace, tiny_model, IDENTITY, lambda messages: [], lambda: None, lambda text: None)  # type: ignore[arg-type,return-value]
    assert set(found.knowledge) == {"base", "fine-tuned"} and set(found.weights) == {"fine-tuned"}


def test_a_workspace_without_an_adapter_names_the_command(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "questions.jsonl").write_text("")
    with pytest.raises(AdapterMismatch, match="python -m finetune train"):
        checkup(tmp_path, tiny_model, IDENTITY, lambda messages: [], lambda: lambda question: [], lambda text: None)
