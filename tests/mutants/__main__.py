"""Every mutant against the test that kills it; arguments are pytest's (`-k no-sparse`)."""

from __future__ import annotations

import sys

import pytest

from . import MUTANTS


def main(arguments: list[str]) -> int:
    """Only the files and tests that the mutants name are collected."""
    tests = sorted({mutant.killed_by.partition("[")[0] for mutant in MUTANTS})
    return int(pytest.main(["-p", "tests.mutants.plugin", *arguments, *tests]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
