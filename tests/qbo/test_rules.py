"""What QuickBooks would refuse is known before it is sent."""

from __future__ import annotations

import pytest

from wagtail_qbo_sync.contact import PATHS, Address, Value
from wagtail_qbo_sync.qbo import rules


def paths(values: dict[str, Value]) -> list[str]:
    return [problem.path for problem in rules.problems(values)]


def test_every_path_of_a_contact_has_a_length() -> None:
    assert set(rules.MAX_LENGTHS) == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_the_longest_text_is_taken_and_one_more_is_not(path: str) -> None:
    longest = rules.MAX_LENGTHS[path]

    def values(length: int) -> dict[str, Value]:
        field, _, part = path.partition(".")
        text = "a@b.c" + "x" * (length - 5)
        return {field: Address(**{part: text}) if part else text}

    assert paths(values(longest)) == []
    (problem,) = rules.problems(values(longest + 1))
    assert problem.path == path
    assert str(longest) in problem.sentence and str(longest + 1) in problem.sentence


def test_characters_beyond_the_basic_plane_count_twice() -> None:
    assert rules.length("é") == 1 and rules.length("🐦") == 2 and rules.length("\ud800") == 1


@pytest.mark.parametrize("name", ["", "  ", "a:b", "a\tb", "a\nb", "a\r"])
def test_names_that_are_refused(name: str) -> None:
    (problem,) = rules.name_problems(name)
    assert problem.path == "name" and str(problem.sentence)


@pytest.mark.parametrize("name", ["Amy's Bird Sanctuary", "PG&E", "Ærø \\ Søn", "夏目"])
def test_names_that_are_taken(name: str) -> None:
    assert rules.name_problems(name) == []


def test_a_colon_is_refused_in_names_only() -> None:
    values: dict[str, Value] = {"company_name": "a:b", "given_name": "a:b", "family_name": "a:b"}
    assert paths(values) == ["given_name", "family_name"]


@pytest.mark.parametrize("email", ["", " ", "a@b.c", "a@b.c, d@e.f"])
def test_emails_that_are_taken(email: str) -> None:
    assert paths({"email": email}) == []


@pytest.mark.parametrize("email", ["anna", "anna@berg", "a@b.c, d@e", "@"])
def test_emails_that_are_refused(email: str) -> None:
    assert paths({"email": email}) == ["email"]
