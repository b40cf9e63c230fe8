"""Answers made ahead: visitors come first, nothing half-done is kept, failures are told."""

import threading
from dataclasses import replace

import pytest

from arena.ahead import Ahead
from arena.annotation import QueuedPrompt, Source, Task, TaskState, for_annotators
from arena.comparison import Comparison
from arena.errors import StorageError
from arena.events import Failed, Finished, Token, Working
from arena.question import Question
from arena.runner import Runner, answer_all
from tests.fakes import Await, FakeContestant, said


class Tasks:
    """What `Ahead` uses of `arena.queue.Queue`, in memory. `settled` is set whenever a task has its end."""

    def __init__(self, *texts: str, trouble: Exception | None = None) -> None:
        self.prompts = [QueuedPrompt(text, Source.IMPORTED) for text in texts]
        self.tasks = {prompt.id: Task(prompt.id, "fine-tuned", "rag") for prompt in self.prompts}
        self.made: list[Comparison] = []
        self.settled = threading.Event()
        self.trouble = trouble

    def next_task(self) -> tuple[Task, str] | None:
        if self.trouble:
            trouble, self.trouble = self.trouble, None
            raise trouble
        waiting = (one for one in self.prompts if self.tasks[one.id].state is TaskState.WAITING)
        prompt = next(waiting, None)
        return None if prompt is None else (self.tasks[prompt.id], prompt.text)

    def answered(self, task: str, comparison: Comparison) -> bool:
        self.made.append(comparison)
        return self._set(task, TaskState.READY)

    def failed(self, task: str, why: str) -> None:
        self._set(task, TaskState.FAILED, why)

    def _set(self, task: str, state: TaskState, why: str = "") -> bool:
        (key,) = [key for key, one in self.tasks.items() if one.id == task]
        self.tasks[key] = replace(self.tasks[key], state=state, failure=why)
        self.settled.set()
        return True


def contestants(**scripts: object) -> Runner:
    made = {
        name: FakeContestant(name, script=scripts.get(name.replace("-", "_"), said(f"{name} says so")))  # type: ignore[arg-type]
        for name in ("fine-tuned", "rag")
    }
    return Runner(made)


def test_each_task_gets_a_whole_blind_pair_that_says_what_it_is_for() -> None:
    tasks, told = Tasks("Why?", "Who?"), []
    Ahead(contestants(), tasks, {"code": "c0ffee"}).work_off(lambda task, failure: told.append(failure))  # type: ignore[arg-type]
    assert told == ["", ""]
    assert [made.question for made in tasks.made] == ["Why?", "Who?"]
    made = tasks.made[0]
    assert made.complete and made.blind and for_annotators(made)
    assert (made.left, made.right) == ("fine-tuned", "rag") and made.answers["rag"].text == "rag says so"
    assert made.versions["code"] == "c0ffee" and set(made.versions["order"].split(", ")) == {"fine-tuned", "rag"}


def test_a_failing_side_fails_the_task_with_its_reason_and_the_next_goes_on() -> None:
    tasks = Tasks("Why?", "Who?")
    runner = contestants(rag=[Working(), Failed("The generator broke.")])
    Ahead(runner, tasks, {}).work_off()  # type: ignore[arg-type]
    assert [one.failure for one in tasks.tasks.values()] == ["rag: The generator broke."] * 2
    assert tasks.made == []


def test_a_contestant_that_is_not_there_is_named() -> None:
    tasks = Tasks("Why?")
    Ahead(Runner({"rag": FakeContestant("rag")}), tasks, {}).work_off()  # type: ignore[arg-type]
    (task,) = tasks.tasks.values()
    assert task.failure == "There is no contestant 'fine-tuned': there are rag."


def test_a_visitors_question_ends_an_answer_that_is_made_ahead_which_is_made_again_later() -> None:
    under_way = Await()
    tasks = Tasks("Why?")
    runner = contestants(rag=[Working(), Token("half "), under_way, Token("whole"), Finished()])
    ahead = Ahead(runner, tasks, {}).start()  # type: ignore[arg-type]
    assert under_way.reached.wait(20)
    # The visitor asks the other side only, so that `under_way` never lets the first answer end by itself.
    answer = answer_all(runner, {"fine-tuned": Question("Me first?")})["fine-tuned"]
    assert answer.complete and not tasks.settled.is_set()
    under_way.go.set()
    assert tasks.settled.wait(20)
    ahead.stop()
    assert tasks.made[0].answers["rag"].text == "half whole"
    asked = runner.contestants["rag"].asked  # type: ignore[attr-defined]
    assert len(asked) == 2


def test_stopping_ends_it_within_a_token_and_keeps_nothing_half_done() -> None:
    under_way = Await()
    tasks = Tasks("Why?")
    stuck = [Working(), under_way, Token("never"), Finished()]
    ahead = Ahead(contestants(rag=stuck, fine_tuned=list(stuck)), tasks, {}).start()  # type: ignore[arg-type]
    assert under_way.reached.wait(20)
    ahead.stop(patience=20)
    assert not ahead._thread.is_alive()
    # Nothing computes any more either: torch aborts a process that ends in the middle of it.
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("contestant-")]
    assert tasks.made == [] and tasks.next_task() is not None


def test_a_database_that_refuses_for_a_moment_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.ahead.POLL", 0.01)
    tasks = Tasks("Why?", trouble=StorageError("locked"))
    ahead = Ahead(contestants(), tasks, {}).start()  # type: ignore[arg-type]
    assert tasks.settled.wait(20)
    ahead.stop()
    assert len(tasks.made) == 1
