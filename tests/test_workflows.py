"""GitHub's workflows name what there is, and run nobody's code that could change under us."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tools.stages import STAGES

WORKFLOWS = sorted((Path(__file__).parent.parent / ".github" / "workflows").glob("*.yml"))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_each_action_is_pinned_to_a_commit_and_says_its_version(workflow: Path) -> None:
    for line in workflow.read_text().splitlines():
        if "uses:" in line:
            assert re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d", line), line


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_each_workflow_may_only_read_unless_a_job_says_more(workflow: Path) -> None:
    assert "\npermissions:\n  contents: read\n" in workflow.read_text()


def test_every_stage_is_run() -> None:
    text = (WORKFLOWS[0].parent / "test.yml").read_text()
    found = re.search(r"stage: \[(.*?)\]", text, re.DOTALL)
    assert found is not None
    named = found.group(1).replace(",", " ").split()
    assert sorted(named) == sorted(stage.name for stage in STAGES)


def test_every_version_is_run_at_night() -> None:
    pytest.importorskip("nox", reason="only the development environment has it")
    import noxfile

    sessions = {f"versions({name})" for name in noxfile.VERSIONS}
    sessions |= {f"next_release({name})" for name in noxfile.NEXT}
    text = (WORKFLOWS[0].parent / "nightly.yml").read_text()
    assert sessions == set(re.findall(r"^ +- (\w+\(.*\))$", text, re.MULTILINE))


def test_each_version_that_is_promised_is_tested() -> None:
    """What pyproject.toml tells PyPI, and what noxfile.py installs."""
    pytest.importorskip("nox", reason="only the development environment has it")
    import noxfile

    project = tomllib.loads((WORKFLOWS[0].parents[2] / "pyproject.toml").read_text())["project"]
    said = "\n".join(project["classifiers"])
    pythons = {python for python, _, _ in noxfile.VERSIONS.values()}
    packages = [each for _, packages, _ in noxfile.VERSIONS.values() for each in packages]
    djangos = {each[8:11] for each in packages if each.startswith("django~=")}
    assert pythons == set(re.findall(r"Python :: (\d\.\d+)", said))
    assert djangos == set(re.findall(r"Django :: (\d\.\d+)", said))
    assert {database for _, _, database in noxfile.VERSIONS.values()} == {*noxfile.DATABASES}


@pytest.mark.parametrize("name", ["test.yml", "nightly.yml"])
def test_weaknesses_of_dependencies_are_looked_up_where_the_internet_is(name: str) -> None:
    """For each pull request, and each night, as they become known later; it may not be let fail."""
    text = (WORKFLOWS[0].parent / name).read_text().partition("\n  audit:\n")[2]
    assert text.endswith("\n      - run: make audit\n")
    assert "continue-on-error" not in text
