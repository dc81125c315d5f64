"""Known weaknesses of what uv.lock names, by pip-audit: `make audit`.

It asks PyPI's service of advisories, so it needs the internet, and is no stage of `make test`.
A package that the service does not answer for is a failure: without an answer nothing was audited.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PIP_AUDIT = "pip-audit==2.10.1"
EXPORT = ["export", "--locked", "--quiet", "--all-extras", "--all-groups", "--no-emit-project"]
AUDIT = ["--strict", "--disable-pip", "--require-hashes", "--progress-spinner=off"]


def main() -> int:
    """0 when every package was looked up and none has a known weakness."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(BIN))
    if uv is None:
        print("uv is needed to read uv.lock: python3 -m pip install uv")
        return 2
    environment = {key: text for key, text in os.environ.items() if key != "VIRTUAL_ENV"}
    with tempfile.TemporaryDirectory() as folder:
        wanted = str(Path(folder) / "requirements.txt")
        for command in (
            [uv, *EXPORT, "--output-file", wanted],
            [uv, "tool", "run", PIP_AUDIT, *AUDIT, "--requirement", wanted],
        ):
            status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
