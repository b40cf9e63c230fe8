"""The page shown before a run: what is learnt, how long samples are, and what must not be trained on."""

from pathlib import Path
from typing import Any

import pytest

from arena.errors import WorkspaceError
from arena.prompts import closed_book_messages, judge_messages
from finetune.branches import HEARD_WEIGHT, Branch, Group, Sample, collate, grouped
from finetune.preview import Bucket, Preview, preview, refuse_masked

END = 2
"""The tiny tokenizer's end of turn."""


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


def asked(question: str, answer: str) -> Sample:
    return Sample(tuple(closed_book_messages(question)), answer)


def judged(taught: bool) -> Sample:
    messages, opening = judge_messages("Who came?", "Ann came."), judge_messages("", "Ann came.")
    return Sample(tuple(messages), "Yes" if taught else "No", tuple(opening), taught)


def of_lengths(*lengths: int) -> list[list[Group]]:
    """One sample of each length, the last token learnt."""
    return [[Group((), (Branch((5,) * (length - 1), (), (END,)),))] for length in lengths]


def weighed(shown: Preview, weight: float, sample: int = 0) -> str:
    return "".join(token.text for token in shown.shown[sample] if token.weight == weight)


def test_a_sample_is_shown_from_the_shared_beginning_to_the_end_of_turn(tokenizer: Any) -> None:
    samples = [asked("Who came?", "Ann."), asked("Who left?", "Bo.")]
    shown = preview([[grouped(samples, tokenizer)]], tokenizer)
    for sample, tokens in zip(samples, shown.shown, strict=True):
        rendered = tokenizer.apply_chat_template(list(sample.messages), add_generation_prompt=True, tokenize=False)
        assert "".join(token.text for token in tokens) == f"{rendered}{sample.answer}<|im_end|>"
        assert tokenizer.decode([token.id for token in tokens]) == f"{rendered}{sample.answer}<|im_end|>"
    assert [weighed(shown, 1, sample) for sample in (0, 1)] == ["Ann.<|im_end|>", "Bo.<|im_end|>"]


def test_weights_are_those_of_the_loss(tokenizer: Any) -> None:
    for taught in (True, False):
        group = grouped([judged(taught)], tokenizer)
        weights = [token.weight for token in preview([[group]], tokenizer).shown[0]]
        assert weights == pytest.approx(collate([[group]], END)["weights"][0].tolist())


def test_a_question_that_is_foreseen_counts_a_tenth_and_one_that_is_only_compared_nothing(tokenizer: Any) -> None:
    shown = preview([[grouped([judged(True)], tokenizer), grouped([judged(False)], tokenizer)]], tokenizer)
    assert weighed(shown, HEARD_WEIGHT).startswith("Who came?")
    assert weighed(shown, HEARD_WEIGHT, sample=1) == ""
    assert "{W}│{h}│{o}│" in str(shown) and "[Y]│[e]│[s]│[<|im_end|>]│" in str(shown)


def test_only_the_first_samples_are_shown_and_all_are_counted(tokenizer: Any) -> None:
    group = grouped([asked(f"Question {number}?", "So.") for number in range(4)], tokenizer)
    shown = preview([[group], [group]], tokenizer, shown=1)
    assert len(shown.shown) == 1 and str(shown).count("Sample ") == 1
    assert (shown.steps, shown.samples) == (2, 8)
    assert shown.tokens == 2 * len(group)  # what is shared once
    assert shown.learnt == 8 * len("So.") + 8  # and the end of turn
    assert shown.longest == len(shown.shown[0]) == len(group.prefix) + len(group.branches[0])


def test_a_character_of_several_tokens_stands_at_its_last(tokenizer: Any) -> None:
    tokens = preview([[grouped([asked("Who?", "Åsa €")], tokenizer)]], tokenizer).shown[0]
    learnt = [token.text for token in tokens if token.weight == 1]
    assert learnt == ["", "Å", "s", "a", " ", "", "", "€", "<|im_end|>"]


def test_spaces_new_lines_and_control_characters_are_visible(tokenizer: Any) -> None:
    page = str(preview([[grouped([asked("Who\x1b?", "A b\tc\nd")], tokenizer)]], tokenizer))
    assert "[A]│[·]│[b]│[\\t]│[c]│[⏎]│\n  [d]│" in page
    assert "\\x1b" in page and "\x1b" not in page


def test_a_page_fits_a_terminal(tokenizer: Any) -> None:
    page = str(preview([[grouped([asked("Why? " * 60, "So. " * 60)], tokenizer)]], tokenizer))
    assert max(map(len, page.splitlines())) <= 120


def test_buckets_have_round_bounds_and_hold_every_sample(tokenizer: Any) -> None:
    shown = preview(of_lengths(3, 4, 12, 47, 47, 47), tokenizer)
    assert shown.lengths[0] == Bucket(0, 4, 2) and shown.lengths[-1] == Bucket(45, 49, 3)
    assert len(shown.lengths) == 10 and sum(bucket.samples for bucket in shown.lengths) == 6


@pytest.mark.parametrize(
    ("lengths", "bounds"),
    [((7,), [(7, 7)]), ((7, 8), [(7, 7), (8, 8)]), ((210, 219), [(n, n) for n in range(210, 220)])],
)
def test_samples_of_like_length_are_told_apart(tokenizer: Any, lengths: tuple[int], bounds: list[Any]) -> None:
    shown = preview(of_lengths(*lengths), tokenizer)
    assert [(bucket.shortest, bucket.longest) for bucket in shown.lengths] == bounds


@pytest.mark.parametrize("longest", [10, 99, 100, 101, 1999, 2000, 5001, 123456])
def test_there_are_about_ten_buckets_whatever_the_lengths(tokenizer: Any, longest: int) -> None:
    assert 4 <= len(preview(of_lengths(1, longest), tokenizer, shown=0).lengths) <= 11


def test_the_longest_bar_is_forty_and_a_single_sample_is_seen(tokenizer: Any) -> None:
    page = str(preview(of_lengths(*[3] * 1000, 5), tokenizer, shown=0)).splitlines()
    start = page.index("Tokens in a sample") + 1
    assert page[start : start + 3] == ["  3-3 1,000 " + "#" * 40, "  4-4     0", "  5-5     1 #"]


def test_samples_beyond_the_context_are_counted(tokenizer: Any) -> None:
    shown = preview(of_lengths(10, 11, 12), tokenizer, context=10)
    assert shown.cut == 2
    assert "Longer than the model's context of 10 tokens, which would cut them: 2 of 3 samples." in str(shown)
    assert "Every sample fits into the model's context of 12" in str(preview(of_lengths(12), tokenizer, context=12))
    assert "context" not in str(preview(of_lengths(12), tokenizer))


@pytest.mark.parametrize("steps", [[], [[]], [[Group((5,), ())]]])
def test_nothing_to_train_on_is_refused(tokenizer: Any, steps: Any) -> None:
    for look in (preview, refuse_masked):
        with pytest.raises(WorkspaceError, match="Nothing to train on"):
            look(steps, tokenizer)


def test_a_sample_without_anything_to_learn_is_named(tokenizer: Any) -> None:
    masked = Branch(tuple(tokenizer.encode("Who left?")), (), ())
    whole = grouped([asked("Who came?", "Ann.")], tokenizer)
    refuse_masked([[whole]], tokenizer)
    with pytest.raises(WorkspaceError, match="1 of 2 samples have no token to learn; the first is 'Who·left\\?'"):
        refuse_masked([[whole, Group((), (masked,))]], tokenizer)


def test_a_template_that_leaves_all_answers_out_is_told_as_that(tokenizer: Any) -> None:
    masked = [Branch(tuple(tokenizer.encode(text)), (), ()) for text in ("Who?", "Why?")]
    with pytest.raises(WorkspaceError, match="None of the 2 samples .* 'Who\\?'. The base model's chat template"):
        refuse_masked([[Group((), tuple(masked))]], tokenizer)


def test_a_prompt_that_is_only_compared_does_not_count_as_learnt(tokenizer: Any) -> None:
    heard = Branch((5,), (6,), (), taught=False)
    with pytest.raises(WorkspaceError, match="None of the 1 samples"):
        refuse_masked([[Group((), (heard,))]], tokenizer)
