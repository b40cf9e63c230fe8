"""Krippendorff's alpha against the worked examples of Krippendorff (2011), "Computing Krippendorff's
Alpha-Reliability"."""

import numpy as np
import pytest

from arena.agreement import krippendorff


def counts(*observers: str) -> np.ndarray:
    """Units x categories from one text per observer, a letter per unit, "." where it is missing."""
    categories = sorted(set("".join(observers)) - {"."})
    units = zip(*observers, strict=True)
    return np.array([[unit.count(category) for category in categories] for unit in units])


def test_section_a_binary_data_of_two_observers() -> None:
    found = krippendorff(counts("0100000010", "1110010000"))
    assert found is not None and found.alpha == pytest.approx(0.095, abs=5e-4)


def test_section_b_nominal_data_of_two_observers() -> None:
    found = krippendorff(counts("aabbdcccedda", "babbbcccedddd"[:12]))
    assert found is not None and found.alpha == pytest.approx(0.692, abs=5e-4)


def test_section_c_four_observers_with_missing_data() -> None:
    found = krippendorff(counts("123321412...", "1233224125.3", ".3332342251.", "1233244125 1.".replace(" ", "")))
    assert found is not None
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert (found.units, found.values) == (11, 40)


def test_full_agreement_on_several_categories_is_one() -> None:
    found = krippendorff(counts("abcab", "abcab"))
    assert found is not None and found.alpha == 1.0 and found.error == 0.0


@pytest.mark.parametrize("observers", [("abc",), ("aaa", "aaa"), ("a.b", ".c.")])
def test_nothing_is_said_where_nothing_can_be(observers: tuple[str, ...]) -> None:
    assert krippendorff(counts(*observers)) is None


def test_the_error_is_what_drawing_units_anew_gives() -> None:
    generator = np.random.default_rng(5)
    table = np.array([generator.multinomial(3, generator.dirichlet([2, 1, 0.5])) for _ in range(150)])
    found = krippendorff(table)
    drawn = [krippendorff(table[generator.integers(150, size=150)]) for _ in range(400)]
    assert found is not None
    assert found.error == pytest.approx(np.std([each.alpha for each in drawn if each]), rel=0.15)
