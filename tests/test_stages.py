"""`make test` itself: what is missing in CI fails, what hangs is ended, what ran is counted."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tools import stages
from tools.stages import Environment, Outcome, Stage, Unavailable

ROOT = Path(__file__).parent.parent
SKIPS = """
import pytest

@pytest.mark.{marker}
def test_it():
    pytest.skip("there is none")
"""


def python(code: str, *arguments: str) -> stages.Command:
    return [sys.executable, "-c", code, *arguments]


def pytest_in_ci(folder: Path, marker: str) -> subprocess.CompletedProcess[str]:
    test = folder / "test_it.py"
    test.write_text(SKIPS.format(marker=marker))
    ini = folder / "pytest.ini"
    ini.write_text("[pytest]\nmarkers =\n browser\n postgres\n server\n redis\n gettext\n other\n")
    plugins = ["-p", "no:django", "-p", "tests.plugins.required"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-c", ini, test],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("marker", ["browser", "postgres", "server", "redis", "gettext"])
def test_in_ci_a_test_without_its_service_fails(tmp_path: Path, marker: str) -> None:
    done = pytest_in_ci(tmp_path, marker)
    assert done.returncode == 1
    assert "there is none" in done.stdout


def test_in_ci_another_skip_is_a_skip(tmp_path: Path) -> None:
    assert pytest_in_ci(tmp_path, "other").returncode == 0


class Nowhere(AbstractContextManager[Environment]):
    def __enter__(self) -> Environment:
        raise Unavailable("There is no such thing here.")

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(("in_ci", "state"), [(True, "failed"), (False, "skipped")])
def test_stage_that_lacks_something(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_ci: bool, state: str
) -> None:
    monkeypatch.setattr(stages, "IN_CI", in_ci)
    assert stages.run(Stage("it", 1, list, Nowhere), 60).state == state
    assert "There is no such thing here." in capsys.readouterr().out


def test_stage_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    child = "import sys, time; time.sleep(3); open(sys.argv[1], 'w')"
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])"
    )
    wrote = tmp_path / "wrote"
    began = time.monotonic()
    outcome = stages.run(Stage("it", 1, lambda: [python(parent, str(wrote))]), 1)
    assert outcome.state == "failed"
    time.sleep(max(0, began + 4 - time.monotonic()))
    assert not wrote.exists()


def test_stage_runs_all_its_commands_and_counts_tests(tmp_path: Path) -> None:
    tests = tmp_path / "test_it.py"
    tests.write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 0\n"
        "def test_other(): pytest.skip('no')\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:django", "-c", "/dev/null", str(tests)]
    outcome = stages.run(Stage("it", 1, lambda: [python("raise SystemExit(1)"), command]), 60)
    assert (outcome.state, outcome.passed, outcome.failed, outcome.skipped) == ("failed", 1, 1, 1)
    assert outcome.broken == ["test_it::test_bad: assert 0"]


@pytest.mark.parametrize(
    ("outcomes", "code", "last"),
    [
        ([Outcome("lint", "passed"), Outcome("sqlite", "passed", 1, 7, 0, 2)], 0, (8, 0, 2)),
        ([Outcome("types", "failed"), Outcome("sqlite", "failed", 1, 7, 3, 0)], 1, (7, 4, 0)),
        ([Outcome("postgres", "skipped"), Outcome("sqlite", "passed", 1, 7)], 0, (7, 0, 0)),
    ],
)
def test_last_line_counts(
    capsys: pytest.CaptureFixture[str],
    outcomes: list[Outcome],
    code: int,
    last: tuple[int, int, int],
) -> None:
    assert stages.summary(outcomes, 60) == code
    passed, failed, skipped = last
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"{passed} passed, {failed} failed, {skipped} skipped"


def test_what_failed_is_named_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    why = ["tests.test_it::test_bad: assert 0"]
    stages.summary([Outcome("sqlite", "failed", 1, 7, 1, broken=why)], 60)
    assert "sqlite: tests.test_it::test_bad: assert 0" in capsys.readouterr().out


def test_without_a_mariadb_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "MARIADB_URL", "mysql://root@127.0.0.1:1/")
    with pytest.raises(Unavailable, match=r"No MariaDB at 127\.0\.0\.1:1|There is no `mariadb`"):
        stages.mariadb().__enter__()


def test_no_such_stage(capsys: pytest.CaptureFixture[str]) -> None:
    assert stages.main(["lynt"]) == 2
    assert "lint" in capsys.readouterr().out
