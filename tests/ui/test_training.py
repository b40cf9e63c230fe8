"""The Training page: what it says and offers in each state, who may press what, and that it keeps looking."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import gradio as gr
import pytest

from arena.people import Role
from arena.training import Learnt, RunState
from tests.fakes import FakeDesk
from tests.ui.pages import everybody_is
from tests.ui.test_render import EVIL, SHOWN
from ui import training, training_screen
from ui.rights import open_to_all
from ui.training import TrainingPage
from ui.training_screen import COLOURS, LEARNT, UNSEEN, Screen, duration, frame, learnt_html, screen, state_html

STARTED = datetime(2026, 9, 17, 8, 30, tzinfo=UTC)
RUNNING = RunState(
    status="running",
    step=120,
    of=777,
    started=STARTED,
    seconds_left=740.0,
    training_losses=((10, 2.9), (120, 0.41)),
    held_out_losses=((100, 0.52),),
    training_accuracy=((10, 0.0), (120, 0.89)),
    held_out_accuracy=((100, 0.8),),
    log_tail="step 120 of 777",
)
STOPPED = replace(RUNNING, status="stopped", seconds_left=None, exit_code=0)
CRASHED = replace(STOPPED, status="crashed", exit_code=1, log_tail="Traceback\nRuntimeError: out of memory")


class Request:
    """What handlers read of `gr.Request`."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


REQUEST: Any = Request(host="localhost:7860")


def page(desk: FakeDesk, allowed: bool = True) -> TrainingPage:
    return TrainingPage(desk, everybody_is(Role.ADMIN if allowed else Role.VISITOR))


def buttons(now: Screen) -> tuple[bool, bool, bool]:
    return now.start, now.stop, now.go_on


@pytest.mark.parametrize(
    ("state", "said", "pressable"),
    [
        (RunState(), "Nothing has been trained here yet", (True, False, False)),
        (RunState(status="running"), "Getting ready", (False, True, False)),
        (RUNNING, "Training at step 120 of 777, about 12 minutes left", (False, True, False)),
        (replace(RUNNING, step=777), "All 777 steps are done. It is now asked questions", (False, True, False)),
        (replace(RUNNING, status="stopping"), "it finishes its step and keeps", (False, False, False)),
        (STOPPED, "Stopped at step 120 of 777. Go on takes it up from there; nothing is lost", (False, False, True)),
        (replace(STOPPED, step=0, of=0), "Stopped before its first step", (False, False, True)),
        (replace(STOPPED, step=777, exit_code=143), "Go on measures it and writes the adapter", (False, False, True)),
        (replace(STOPPED, exit_code=143), "at step 120 of 777 without a new checkpoint. Go on", (False, False, True)),
        (replace(STOPPED, exit_code=137), "perhaps because memory ran out", (False, False, True)),
        (replace(STOPPED, started=None), "Make sure that it no longer runs there", (False, False, True)),
        (replace(STOPPED, status="finished", step=777), "Finished at step 777 of 777", (True, False, False)),
        (CRASHED, "Crashed at step 120 of 777, code 1. Its last words", (True, False, True)),
        (replace(CRASHED, exit_code=None), "killed from outside", (True, False, True)),
        (replace(CRASHED, log_tail=""), "It printed nothing", (True, False, True)),
    ],
)
def test_each_state_is_said_in_words_and_offers_what_can_be_done(
    state: RunState, said: str, pressable: tuple[bool, bool, bool]
) -> None:
    now = screen(state, (), allowed=True)
    assert said in now.text
    assert buttons(now) == pressable
    assert now.alive is state.alive


def test_a_crash_shows_its_last_words_and_opens_its_log() -> None:
    now = screen(CRASHED, (), allowed=True)
    assert "<q>RuntimeError: out of memory</q>" in now.text and 'class="failure"' in now.text
    assert now.log_open and "Traceback\nRuntimeError" in now.log
    assert not screen(RUNNING, (), allowed=True).log_open
    killed = replace(STOPPED, exit_code=137)  # its last words may say why, even where it can go on
    assert screen(killed, (), allowed=True).log_open and not screen(STOPPED, (), allowed=True).log_open


def test_the_figures_are_said_in_words_too() -> None:
    said = state_html(RUNNING)
    assert f"{LEARNT} 0.410 (step 120), {UNSEEN} 0.520 (step 100)" in said
    assert f"Answers that are right word for word: {LEARNT} 89% (step 120), {UNSEEN} 80% (step 100)." in said
    assert "word for word" not in state_html(replace(RUNNING, training_accuracy=(), held_out_accuracy=()))
    assert "2026-09-17 08:30 UTC" in said
    assert "Fine-tuned + RAG:" in state_html(replace(RUNNING, what="hybrid"))


def test_what_a_run_printed_is_escaped() -> None:
    now = screen(replace(CRASHED, log_tail=EVIL), (), allowed=True)
    for markup in (now.text, now.log):
        assert SHOWN in markup and "<img" not in markup


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (61, "about 1 minute"),
        (740, "about 12 minutes"),
        (3599, "about 1 h 0 min"),
        (7500, "about 2 h 5 min"),
    ],
)
def test_times_are_rounded_as_estimates_should_be(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_plot_is_empty_without_points() -> None:
    assert frame(((), ())) is None
    assert gr.LinePlot(x="step", y="loss", color="on").postprocess(frame(((), ()))) is None


def test_both_lines_are_in_the_plot_from_its_first_point_on() -> None:
    plot = gr.LinePlot(x="step", y="loss", color="on", color_map=COLOURS)
    drawn = plot.postprocess(frame((((10, 2.9), (20, 2.0)), ())))
    assert drawn is not None
    assert drawn.data == [[10, 2.9, LEARNT], [20, 2.0, LEARNT], [10, None, UNSEEN]]
    assert drawn.datatypes == {"step": "quantitative", "loss": "quantitative", "on": "nominal"}
    both = plot.postprocess(frame((((10, 2.9),), ((10, 3.0),))))
    assert both is not None and both.data == [[10, 2.9, LEARNT], [10, 3.0, UNSEEN]]
    assert set(COLOURS) == {LEARNT, UNSEEN}


def test_the_share_of_right_answers_is_drawn_from_none_to_all_of_them() -> None:
    made = training.plot("right", "%", [0, 100], "right", "right")
    drawn = made.postprocess(frame(screen(RUNNING, (), allowed=True).accuracy, "right"))
    assert drawn is not None and drawn.data == [[10, 0.0, LEARNT], [120, 89.0, LEARNT], [100, 80.0, UNSEEN]]
    assert drawn.columns == ["step", "right", "on"] and made.y_lim == [0, 100]


def test_the_plots_appear_with_their_first_point() -> None:
    for state, drawn in ((RunState(), False), (RunState(status="running"), False), (RUNNING, True)):
        now, *sent = page(FakeDesk(state)).look(None, REQUEST)
        assert now.plots is drawn and gr.update(visible=drawn) in sent


LEARNT_BEFORE = Learnt(
    "fine-tuned",
    (
        ("trained facts, trained wording", 216, 216),
        ("trained facts, held-out wording", 430, 432),
        ("trained facts, held-out wording, oblique", 402, 432),
        ("<b>another kind</b>", 1, 4),
        ("nothing asked", 0, 0),
    ),
)


def test_what_an_adapter_knows_is_told_in_plain_words_with_its_counts() -> None:
    told = learnt_html([LEARNT_BEFORE])
    assert "asked as they were taught" in told and "216 of 216" in told and "100.0%" in told
    assert "in a roundabout way" in told and "402 of 432" in told and "93.1%" in told
    assert "&lt;b&gt;another kind&lt;/b&gt;" in told and "nothing asked" not in told
    assert "right on 100.0% as taught and on 96.3% in all other words" in told and "3.7 points" in told
    assert learnt_html([]) == ""


def test_a_checkup_stands_side_by_side_with_what_it_found() -> None:
    base = Learnt("base", (("trained wording", 0, 9), ("unanswerable", 1, 4)))
    tuned = Learnt("fine-tuned", (("trained wording", 9, 9), ("reversed", 3, 6)), ("It has kept <i>all</i>.",))
    told = learnt_html([base, tuned])
    taught, unanswerable, turned = re.findall(r"<tbody.*?>(.*)</tbody>", told)[0].split("</tr>")[:3]
    assert "0 of 9" in taught and "9 of 9" in taught
    assert "said that it does not know" in unanswerable and "25.0%" in unanswerable and "–" in unanswerable
    assert "the other way round" in turned and "50.0%" in turned
    assert "<b>Fine-tuned:</b> It has kept &lt;i&gt;all&lt;/i&gt;." in told and told.count("<p>") == 1


def test_without_both_kinds_of_wording_nothing_is_said_of_learning_by_heart() -> None:
    only = learnt_html([replace(LEARNT_BEFORE, figures=LEARNT_BEFORE.figures[:1])])
    assert "by heart" not in only and "216 of 216" in only
    assert "by heart" not in learnt_html([replace(LEARNT_BEFORE, what="hybrid")])


def test_an_adapter_that_came_with_the_workspace_is_told_of_before_any_run() -> None:
    desk = FakeDesk(RunState())
    desk.knows = (LEARNT_BEFORE,)
    shown, *first = page(desk, allowed=False).look(None, REQUEST)
    assert "216 of 216" in shown.learnt and shown.learnt in first
    assert "came with the workspace" in shown.text
    assert "came with" not in page(FakeDesk(RunState())).look(None, REQUEST)[0].text


def test_the_lines_stand_out_in_light_and_in_dark() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for line in COLOURS.values():
        for ground in ("#ffffff", "#1e293b"):  # blocks in the theme's light and dark
            lighter, darker = sorted((luminance(line), luminance(ground)), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= 3, (line, ground)


def test_start_stop_and_go_on_reach_the_desk() -> None:
    desk = FakeDesk(RunState())
    pressed = page(desk)
    assert pressed.start(None, REQUEST)[0].alive
    assert "Stopping" in pressed.stop(None, REQUEST)[0].text
    desk.now = replace(STOPPED, what="hybrid")
    pressed.go_on(None, REQUEST)
    assert desk.calls == ["start fine-tuned", "stop", "start hybrid"]


def test_who_is_not_allowed_sees_the_curves_and_can_do_nothing() -> None:
    desk = FakeDesk(CRASHED)
    pressed = page(desk, allowed=False)
    for press in (pressed.start, pressed.stop, pressed.go_on):
        now = press(None, REQUEST)[0]
        assert buttons(now) == (False, False, False) and training_screen.NOT_HERE in now.text
        assert now.curves[0] == CRASHED.training_losses and now.log == "" and not now.log_open
    assert desk.calls == []


def test_a_refusal_is_shown_and_stays_until_the_next_button() -> None:
    desk = FakeDesk(RUNNING)
    refused = page(desk).start(None, REQUEST)[0]
    assert "running already" in refused.notice
    assert page(desk).look(refused, REQUEST)[0].notice == refused.notice
    assert page(desk).stop(refused, REQUEST)[0].notice == ""


def test_a_desk_in_trouble_is_reported_and_nothing_can_be_pressed() -> None:
    now = page(FakeDesk(RUNNING, "runs cannot be read: chmod")).look(None, REQUEST)[0]
    assert "runs cannot be read" in now.notice and buttons(now) == (False, False, False) and not now.alive


def test_only_what_changed_is_sent() -> None:
    desk = FakeDesk(RUNNING)
    shown, *first = page(desk).look(None, REQUEST)
    assert gr.skip() not in first
    assert all(value == gr.skip() for value in page(desk).look(shown, REQUEST)[1:])
    desk.now = replace(RUNNING, seconds_left=60.0)
    _, text, *rest = page(desk).look(shown, REQUEST)
    assert "about 1 minute left" in text and all(value == gr.skip() for value in rest)


def test_the_timer_runs_only_while_a_run_is_alive() -> None:
    for state, active in ((RunState(), False), (RUNNING, True), (STOPPED, False)):
        assert page(FakeDesk(state)).look(None, REQUEST)[-2] == gr.update(active=active)


def test_the_page_can_be_laid_out_and_wired() -> None:
    with gr.Blocks() as demo, gr.Tabs(), gr.Tab("Training") as tab:
        layout = training.lay_out()
        training.wire(FakeDesk(RunState()), layout, tab, demo, open_to_all(demo))
    outputs = {tuple(output._id for output in handler.outputs) for handler in demo.fns.values()}
    assert outputs == {tuple(output._id for output in layout.outputs)}
    assert len(page(FakeDesk(RunState())).look(None, REQUEST)) == len(layout.outputs)
    assert all(handler.api_visibility == "private" for handler in demo.fns.values())
