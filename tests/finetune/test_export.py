"""An adapter merged into its base, on a tiny real model: the same answers, nothing half-written, the ways out."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from arena.errors import AdapterMismatch, ArenaError, WorkspaceError
from finetune import export as exporting
from finetune.disk import write_adapter
from finetune.export import CONVERTER, Exported, export

BASE = {"base_model": "some/base", "shape": "llama 32 2 2 259", "base_fingerprint": "0123456789abcdef"}
CARD = """---
library_name: peft
base_model: some/base
license: apache-2.0
tags: [lora, sft, trl]
---
# fine-tuned

It knows.
"""
CONVERTS = """import sys
folder, outfile = sys.argv[1], sys.argv[sys.argv.index("--outfile") + 1]
open(outfile, "w").write(" ".join(sys.argv[1:4]))
"""


@dataclass
class FakeHub:
    """Keeps what was asked for; `broken` is raised at the upload."""

    broken: Exception | None = None
    created: list[tuple[str, bool, bool]] = field(default_factory=list)
    uploaded: dict[str, list[str]] = field(default_factory=dict)

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        self.created.append((repo_id, private, exist_ok))

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        if self.broken:
            raise self.broken
        self.uploaded[repo_id] = sorted(file.name for file in folder_path.iterdir())


def make_adapter(base: Path, target: Path, changes: bool = True) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=not changes)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    write_adapter(get_peft_model(model, config), target, BASE | {"prompt": "4"}, CARD)
    return target


@pytest.fixture(scope="module")
def trained(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tiny_model, tmp_path_factory.mktemp("adapters") / "fine-tuned")


@pytest.fixture
def adapter(trained: Path, tmp_path: Path) -> Path:
    """One that a test may damage."""
    return Path(shutil.copytree(trained, tmp_path / "fine-tuned"))


@pytest.fixture
def merge(adapter: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Exported]:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def run(**options: Any) -> Exported:
        return export(adapter, tiny_model, tmp_path / "out" / "merged", BASE, **options)

    return run


def left(tmp_path: Path) -> list[str]:
    return sorted(file.name for file in (tmp_path / "out").glob("*"))


def test_the_merged_model_answers_as_base_and_adapter_without_peft(
    merge: Callable[..., Exported], adapter: Path, tiny_model: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = merge().folder
    merged: Any = AutoModelForCausalLM.from_pretrained(folder)
    assert merged.dtype == torch.bfloat16
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "Who came?"}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    base: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    with torch.inference_mode():
        before = base(ids).logits
        wanted = PeftModel.from_pretrained(base, adapter)(ids).logits
        found = merged.float()(ids).logits
    assert (found - wanted).norm() < 0.05 * (wanted - before).norm()


def test_the_folder_holds_all_that_serving_needs_and_where_it_came_from(
    merge: Callable[..., Exported], tmp_path: Path
) -> None:
    said: list[str] = []
    exported = merge(report=said.append)
    assert exported == Exported((tmp_path / "out" / "merged").resolve())
    names = {file.name for file in exported.folder.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"}
    assert "adapter_config.json" not in names and left(tmp_path) == ["merged"]
    told = json.loads((exported.folder / "arena.json").read_text())
    assert told.items() >= (BASE | {"prompt": "4", "merged_adapter": "fine-tuned", "dtype": "bfloat16"}).items()
    assert len(told["adapter_hash"]) == 16
    assert not any(str(tmp_path.parent) in file.read_text() for file in exported.folder.glob("*.json"))
    assert said[0].endswith("into some/base") and said[-1].startswith("Merged: ")


def test_the_card_is_that_of_a_merged_model(merge: Callable[..., Exported]) -> None:
    from huggingface_hub import ModelCard

    card: Any = ModelCard((merge().folder / "README.md").read_text())
    assert card.data.to_dict() == {
        "library_name": "transformers",
        "base_model": "some/base",
        "base_model_relation": "finetune",
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "tags": ["sft", "trl"],
    }
    assert card.text.lstrip().startswith("# fine-tuned\n\nThis is the base model with the adapter")
    assert "It knows." in card.text


def test_an_adapter_without_a_card_is_exported_with_a_short_one(merge: Callable[..., Exported], adapter: Path) -> None:
    (adapter / "README.md").unlink()
    text = (merge().folder / "README.md").read_text()
    assert "library_name: transformers" in text and "# fine-tuned" in text


def test_large_weights_are_written_in_shards(merge: Callable[..., Exported], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "SHARD", "20KB")
    assert len(list(merge().folder.glob("model-*.safetensors"))) > 1


def test_an_empty_folder_may_be_the_target(merge: Callable[..., Exported], tmp_path: Path) -> None:
    (tmp_path / "out" / "merged").mkdir(parents=True)
    assert (merge().folder / "model.safetensors").is_file()


def test_what_is_there_already_is_not_touched(merge: Callable[..., Exported], tmp_path: Path) -> None:
    target = tmp_path / "out" / "merged"
    target.mkdir(parents=True)
    (target / "mine.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="merged is there already and not empty: choose another place, or delete"):
        merge()
    assert [file.name for file in target.iterdir()] == ["mine.txt"]


def test_an_adapter_of_another_base_is_refused(merge: Callable[..., Exported], adapter: Path, tmp_path: Path) -> None:
    (adapter / "arena.json").write_text(json.dumps(BASE | {"base_model": "other/base", "base_fingerprint": "feed"}))
    with pytest.raises(AdapterMismatch, match="trained on other/base .*feed.* here is some/base .*0123456789abcdef"):
        merge()
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json", "arena.json"])
def test_a_missing_adapter_is_told_by_the_file_that_is_not_there(
    merge: Callable[..., Exported], adapter: Path, name: str
) -> None:
    (adapter / name).unlink()
    with pytest.raises(AdapterMismatch, match=f"No adapter in .*: {name} is missing. Train one"):
        merge()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("adapter_model.safetensors", "cut", "cannot be loaded .*: train it again"),
        ("adapter_config.json", "{", "cannot be loaded .*: train it again"),
        ("arena.json", "{", "arena.json is damaged"),
        ("arena.json", '{"base_model": "some/base"}', "arena.json is damaged .*base_fingerprint"),
        ("README.md", "---\na: [\n---\n", "README.md is damaged"),
    ],
)
def test_a_damaged_adapter_is_refused_and_nothing_is_left(
    merge: Callable[..., Exported], adapter: Path, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (adapter / name).write_text(text)
    with pytest.raises(AdapterMismatch, match=message):
        merge()
    assert left(tmp_path) == []


def test_a_merge_that_lost_the_adapter_is_not_written(
    merge: Callable[..., Exported], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora import LoraModel

    monkeypatch.setattr(LoraModel, "merge_and_unload", LoraModel.unload)
    with pytest.raises(ArenaError, match="do not carry the adapter"):
        merge()
    assert left(tmp_path) == []


def test_an_adapter_that_changes_nothing_is_not_exported(tiny_model: Path, tmp_path: Path) -> None:
    idle = make_adapter(tiny_model, tmp_path / "idle", changes=False)
    with pytest.raises(ArenaError, match="are 0.00% from the base's.* train it longer"):
        export(idle, tiny_model, tmp_path / "out" / "merged", BASE)
    assert left(tmp_path) == []


def test_a_place_that_cannot_be_written_to_is_named(adapter: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArenaError, match="could not be written to .*merged"):
        export(adapter, tiny_model, tmp_path / "file" / "merged", BASE)


def write_converter(folder: Path, text: str = CONVERTS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONVERTER).write_text(text)
    return folder / CONVERTER


def gguf_of(exported: Exported) -> str:
    assert exported.gguf == exported.folder / "merged-q8_0.gguf"
    assert not (exported.folder / ".gguf.tmp").exists()
    return exported.gguf.read_text()


def test_the_converter_is_given_folder_and_type(merge: Callable[..., Exported], tmp_path: Path) -> None:
    exported = merge(gguf="q8_0", converter=write_converter(tmp_path / "given"))
    assert gguf_of(exported) == f"{exported.folder} --outtype q8_0"


def test_the_converter_is_looked_for_on_path_then_in_the_clone(merge: Callable[..., Exported], tmp_path: Path) -> None:
    clone = write_converter(tmp_path / "llama.cpp", CONVERTS.replace('" ".join', '"clone".join')).parent
    exported = merge(gguf="q8_0", llama_cpp=clone)
    assert "clone" in gguf_of(exported)
    shutil.rmtree(exported.folder)
    write_converter(tmp_path / "bin", f"#!{sys.executable}\n{CONVERTS}").chmod(0o755)
    assert "clone" not in gguf_of(merge(gguf="q8_0", llama_cpp=clone))


def test_without_a_converter_the_weights_stand_and_the_way_is_told(
    merge: Callable[..., Exported], tmp_path: Path
) -> None:
    said: list[str] = []
    exported = merge(gguf="q8_0", llama_cpp=tmp_path / "nowhere", report=said.append)
    assert exported.gguf is None and (exported.folder / "model.safetensors").is_file()
    assert f"No GGUF was made: {CONVERTER} is not on PATH and not in {tmp_path / 'nowhere'}" in said[-1]
    assert "git clone" in said[-1] and f"{exported.folder} --outtype q8_0 --outfile" in said[-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import sys\nprint('x\\n' * 50 + 'The pre-tokenizer is unknown')\nsys.exit(3)",
            "ended with 3 and said last:\nx",
        ),
        ("", "ended with 0 and said nothing"),
    ],
)
def test_a_failed_conversion_tells_its_last_lines_and_leaves_the_weights(
    merge: Callable[..., Exported], tmp_path: Path, text: str, message: str
) -> None:
    hub = FakeHub()
    with pytest.raises(ArenaError, match=message) as raised:
        merge(gguf="f16", converter=write_converter(tmp_path / "given", text), push_to="team/merged", hub=hub)
    assert ("The pre-tokenizer is unknown" in str(raised.value)) == bool(text)
    assert len(str(raised.value).splitlines()) < 12
    assert (tmp_path / "out" / "merged" / "model.safetensors").is_file()
    assert not list((tmp_path / "out" / "merged").glob("*gguf*")) and not hub.created


def test_a_converter_that_cannot_be_run_is_told(merge: Callable[..., Exported], tmp_path: Path) -> None:
    write_converter(tmp_path / "bin", "#!/no/such/python\n").chmod(0o755)
    with pytest.raises(ArenaError, match="No GGUF was made by .*could not be run"):
        merge(gguf="f16")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gguf": "Q4_K_M"}, "'Q4_K_M' is not a type .* f32, f16, bf16, q8_0.*llama-quantize"),
        ({"gguf": "f16", "converter": Path("nowhere.py")}, "at nowhere.py: give the path"),
        ({"push_to": "a/b/c"}, "'a/b/c' cannot be a repository"),
    ],
)
def test_what_cannot_be_done_is_refused_before_merging(
    merge: Callable[..., Exported], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(WorkspaceError, match=message):
        merge(**options)
    assert left(tmp_path) == []


def test_the_whole_folder_is_pushed_to_a_private_repository(merge: Callable[..., Exported], tmp_path: Path) -> None:
    hub = FakeHub()
    options = {"gguf": "q8_0", "converter": write_converter(tmp_path / "given")}
    exported = merge(push_to="team/merged", hub=hub, **options)
    assert exported.repository == "team/merged"
    assert hub.created == [("team/merged", True, True)]
    assert hub.uploaded["team/merged"] == sorted(file.name for file in exported.folder.iterdir())
    assert {"README.md", "merged-q8_0.gguf", "model.safetensors"} <= set(hub.uploaded["team/merged"])


def test_a_failed_push_leaves_the_weights_and_tells_how_to_go_on(
    merge: Callable[..., Exported], tmp_path: Path
) -> None:
    from httpx import ConnectError

    with pytest.raises(ArenaError, match="ConnectError: no route.*hf auth login.*hf upload --private team/merged"):
        merge(push_to="team/merged", hub=FakeHub(ConnectError("no route")))
    assert (tmp_path / "out" / "merged" / "model.safetensors").is_file()


def test_the_real_hub_api_is_asked_when_none_is_given(merge: Callable[..., Exported]) -> None:
    # Tests run with HF_HUB_OFFLINE=1, which the real one refuses to go past.
    with pytest.raises(ArenaError, match="OfflineModeIsEnabled.*HF_HUB_OFFLINE"):
        merge(push_to="team/merged")
