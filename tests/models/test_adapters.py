"""An adapter is checked before it is loaded: missing, damaged, of another base. No model is needed for that."""

import json
from pathlib import Path

import pytest

from arena.errors import AdapterMismatch
from arena.prompts import PROMPT_VERSION
from models.weights import check_adapter

BASE = {"base_model": "HuggingFaceTB/SmolLM2-135M-Instruct", "shape": "llama 576 30 9 49152", "base_fingerprint": "f0"}


def adapter(folder: Path, description: str | None = None, weights: bytes | None = b"weights") -> Path:
    if description is not None:
        (folder / "arena.json").write_text(description)
    if weights is not None:
        (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def test_an_adapter_of_this_base_is_identified_by_its_weights(tmp_path: Path) -> None:
    found = check_adapter(adapter(tmp_path, json.dumps(BASE)), BASE)
    assert found["adapter"] == tmp_path.name and len(found["adapter_hash"]) == 16
    assert "base_differs" not in found


@pytest.mark.parametrize(("description", "weights"), [(None, None), (None, b"weights"), (json.dumps(BASE), None)])
def test_an_adapter_that_is_not_all_there_names_the_folder_and_the_command(
    description: str | None, weights: bytes | None, tmp_path: Path
) -> None:
    with pytest.raises(AdapterMismatch, match="No adapter in .*: train one with `python -m finetune train`") as error:
        check_adapter(adapter(tmp_path, description, weights), BASE)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("description", ["", "{", "{}", '{"shape": "llama"}'])
def test_a_damaged_description_names_the_file_and_the_way_out(description: str, tmp_path: Path) -> None:
    with pytest.raises(AdapterMismatch, match=r"arena\.json is damaged .*: train the adapter again") as error:
        check_adapter(adapter(tmp_path, description), BASE)
    assert str(tmp_path) in str(error.value)


def test_an_adapter_of_another_base_names_both_and_two_ways_out(tmp_path: Path) -> None:
    foreign = adapter(tmp_path, json.dumps(BASE | {"base_model": "somebody/big", "shape": "llama 4096"}))
    with pytest.raises(AdapterMismatch) as error:
        check_adapter(foreign, BASE)
    for text in (str(tmp_path), "somebody/big", "llama 4096", BASE["base_model"], "Train it again", "base_model = "):
        assert text in str(error.value)


def test_an_adapter_of_other_prompts_is_refused(tmp_path: Path) -> None:
    assert check_adapter(adapter(tmp_path, json.dumps(BASE | {"prompt": PROMPT_VERSION})), BASE)
    with pytest.raises(AdapterMismatch, match=r"prompts of version 1; this code .* Train it again"):
        check_adapter(adapter(tmp_path, json.dumps(BASE | {"prompt": "1"})), BASE)
