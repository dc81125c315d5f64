"""Known weaknesses of what uv.lock names, by pip-audit: `make audit`.

It asks PyPI's service of advisories, so it needs the internet, and is no stage of `make test`.
A package that the service does not answer for is a failure: without an answer nothing was audited.
Every version that the lock has is looked up, also those for other Pythons than this one.

The environment may name another service, such as a mirror of OSV's: PIP_AUDIT_VULNERABILITY_SERVICE
and PIP_AUDIT_OSV_URL, which are pip-audit's own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AUDIT = ["--strict", "--disable-pip", "--no-deps", "--progress-spinner=off"]
"""The lock has all dependencies, so that none is to be looked for."""


def requirements(lock: str) -> list[str]:
    """What the lock names, but ourselves. pip-audit takes one version of a package at a time: so
    there are as many texts as the lock has versions of one."""
    versions = defaultdict(list)
    for package in tomllib.loads(lock)["package"]:
        if "registry" in package["source"]:
            versions[package["name"]].append(f"{package['name']}=={package['version']}\n")
    return ["".join(each) for each in zip_longest(*versions.values(), fillvalue="")]


def is_sound(text: str) -> bool:
    """Whether every package of these requirements was looked up and none has a known weakness."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as wanted:
        wanted.write(text)
        wanted.flush()
        command = [sys.executable, "-m", "pip_audit", *AUDIT, "--requirement", wanted.name]
        return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """0 when all are sound."""
    found = [is_sound(text) for text in requirements((ROOT / "uv.lock").read_text())]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
