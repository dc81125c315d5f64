"""A page that is walked through: what it says and what is there may not differ.

That the pages themselves can be walked is the stage `install` (tools/new_user.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.new_user import HANDS, PAGES
from tools.walkthrough import Place, Wrong, steps


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "", "", {"localhost:8000": "localhost:41"}, dict(os.environ))


def test_the_pages_are_steps_that_can_be_done() -> None:
    found = [step for page in PAGES for step in steps(page)]
    assert len(found) >= 19
    assert HANDS.keys() <= {step.title for step in found}
    assert {kind for step in found for kind, _ in step.blocks} == {"sh", "python", "text", "diff"}


def test_a_file_is_written_added_to_and_corrected(place: Place) -> None:
    place.do("python", "# urls.py\nsite = 'localhost:8000'\n")
    place.do("python", "# urls.py, at the end\nours = 1\nall = [\n    ours,\n    site,\n]\n")
    place.do("diff", "--- urls.py\n-ours = 1\n@@\n all = [\n-    ours,\n+    1,\n")
    assert (place.folder / "urls.py").read_text() == (
        "# urls.py\nsite = 'localhost:41'\n\nall = [\n    1,\n    site,\n]\n"
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("sh", "echo no; exit 3\n"),
        ("text", "yes\n"),
        ("python", "import os\n"),
        ("diff", "--- there\n-no\n"),
        ("diff", "--- there\n-twice\n"),
    ],
)
def test_what_a_page_says_and_is_not_so_is_wrong(place: Place, kind: str, text: str) -> None:
    (place.folder / "there").write_text("twice\ntwice\n")
    place.do("sh", "echo no yes\n")
    with pytest.raises(Wrong):
        place.do(kind, text)


def test_what_was_said_and_the_new_key_are_kept(place: Place) -> None:
    place.do("sh", "echo a; echo b; echo --new-key >/dev/null\n")
    place.do("text", "b\n")
    assert place.here("the key that was printed") == "a\nb"
