"""The commands as a person types them, in processes of their own."""

import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def app(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "app.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_new_lays_out_a_workspace_and_says_what_to_put_where(tmp_path: Path) -> None:
    done = app("new", str(tmp_path / "mine"))
    assert done.returncode == 0
    assert "put your documents here" in done.stdout
    assert (tmp_path / "mine" / "workspace.toml").is_file()


def test_new_touches_nothing_that_exists(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    done = app("new", str(tmp_path))
    assert done.returncode == 1
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_missing_workspace_names_the_way_out() -> None:
    done = app("ask", "Who?", "--workspace", "no-such-place")
    assert done.returncode == 1
    assert "python app.py new no-such-place" in done.stderr


@pytest.mark.parametrize("command", [("ask", "Who?"), ("queue", "status")])
def test_a_workspace_named_before_the_command_is_the_commands(command: tuple[str, ...]) -> None:
    before = app("--workspace", "no-such-place", *command)
    assert before.returncode == 1 and "python app.py new no-such-place" in before.stderr
    nearer = app("--workspace", "no-such-place", *command, "--workspace", "nor-this")
    assert nearer.returncode == 1 and "python app.py new nor-this" in nearer.stderr


def test_an_unknown_setting_names_itself_and_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "workspace.toml").write_text("colour = 1")
    done = app("ask", "Who?", "--workspace", str(tmp_path))
    assert "'colour' is not a setting" in done.stderr


def test_an_unknown_generator_is_said_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "workspace.toml").write_text('[rag]\ngenerator = "gpt"')
    for arguments in (["ask", "Who?"], ["--port", "7998"]):
        done = app(*arguments, "--workspace", str(tmp_path))
        assert done.returncode == 1
        assert "use one of reader, base" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_taken_port_ends_the_program_with_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = app("--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr and "--port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_cannot_be_used_ends_the_program_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "arena.sqlite").write_text("Dear diary, " * 100)
    done = app("ask", "Who?", "--workspace", str(tmp_path))
    assert done.returncode == 1
    assert "is not an SQLite database; it was left as it is" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_serving_imports_nothing_heavy_before_the_page_is_up() -> None:
    heavy = "('torch', 'transformers', 'langchain_core', 'faiss', 'peft', 'sentence_transformers')"
    made = "Parts(open_workspace(Path('demo'))).about_rag()"
    code = (
        "import sys, app, ui; from pathlib import Path; from arena.workspace import open_workspace; "
        f"from wiring import Parts; {made}; print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_follow_ups_without_a_list_say_what_goes_into_it(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "questions.jsonl").write_text("")
    done = app("follow-ups", "--workspace", str(tmp_path))
    assert done.returncode == 1
    assert str(tmp_path / "follow_ups.jsonl") in done.stderr and '"then"' in done.stderr


def test_make_names_a_python_that_the_packages_do_not_run_on(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    pretend = "import sys; sys.version_info = (3, 10, 14); exec(sys.argv[1])"
    old.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(pretend)} "$2"\n')
    old.chmod(0o755)
    for name in ("Makefile", "requirements.txt", "requirements-stores.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["make", "setup", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "This is Python 3.10" in done.stderr and "PYTHON=python3.12" in done.stderr
    assert not (tmp_path / ".venv").exists()
