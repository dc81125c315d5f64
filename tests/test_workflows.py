"""GitHub's workflows name what there is, and run nobody's code that could change under us."""

from __future__ import annotations

import re
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
