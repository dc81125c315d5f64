"""Host projects of awkward shapes, each in a process of its own with its own settings.

Each migrates from zero together with our app, has no migration missing, and passes the
adapter's contract.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("host", ["uuidhost", "mtihost", "zhost", "drafthost", "adminhost"])
def test_host_holds_the_contract(host: str) -> None:
    command = [
        *(sys.executable, "-m", "pytest", "-q", "--create-db", "-p", "no:cacheprovider"),
        *("--ds", f"tests.hosts.{host}.settings", f"tests/hosts/{host}/contract.py"),
    ]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": f"tests.hosts.{host}.settings"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
