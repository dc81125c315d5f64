"""All benchmarks that have ways to compare, one after the other, and what they say together.

    python benchmarks/suite.py                                  # 1,000 and 10,000, on SQLite
    python benchmarks/suite.py --database-url postgres://postgres@127.0.0.1:5432/postgres
    python benchmarks/suite.py --sizes 1000 10000 100000
    python benchmarks/suite.py --small                          # in a minute: does all still run?

Writes the results of this database into --out (benchmarks/results), and a table and a plot of all
results that are there. With --small nothing is kept, and the benchmarks that have only a floor to
be compared with are run too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import changes
import first_sync
import idle
import listings
import match
import push
import types_file
import webhook
from _arena import SIZES, Arena, arena
from _measure import ROOT
from _report import Report, plot, table

BENCHMARKS = (
    first_sync.BENCHMARK,
    idle.BENCHMARK,
    changes.BENCHMARK,
    push.BENCHMARK,
    push.AT_THE_LIMIT,
    webhook.BENCHMARK,
    match.FIRMS,
    match.CROWD,
    listings.BENCHMARK,
    types_file.PREVIEW,
    types_file.APPLY,
    types_file.UNDO,
)
LATENCIES = (0.0, 0.3)
SMALL = (60,)
"""A size that shows that everything runs, and nothing else."""
SCRIPTS = (
    ("suggest.py", "difflib", "500"),
    ("sweep.py", "--count", "200"),
    ("drafts.py", "--count", "200"),
    ("undo.py", "--both", "60", "--large", "200"),
)
"""The others, with small sizes; on databases of their own but the first."""


def run(place: Arena, sizes: Sequence[int], latencies: Sequence[float], folder: Path) -> None:
    """All of them; what is measured is written at once."""
    report = Report(machine="", results=[])
    for benchmark in BENCHMARKS:
        report.results += place.run(benchmark, sizes, latencies)
        report.machine = place.machine()
        write(report, folder)
    print(f"Written: {folder}/table.md, plot.svg")


def does_it_run(place: Arena) -> None:
    """Everything once. Raises if anything does not do its work."""
    with tempfile.TemporaryDirectory() as folder:
        run(place, SMALL, (0.0,), Path(folder))
    for name, *arguments in SCRIPTS:
        command = [sys.executable, str(ROOT / "benchmarks" / name), *arguments]
        if name != "suggest.py":
            command += ["--database-url", place.another_database()]
        print(name, flush=True)
        subprocess.run(command, check=True)


def write(report: Report, folder: Path) -> None:
    """Keep the results; then the table and the plot of all that is kept there."""
    folder.mkdir(parents=True, exist_ok=True)
    (name,) = {one.database for one in report.results}
    (folder / f"{name.lower()}.json").write_text(json.dumps(asdict(report), indent=1) + "\n")
    reports = [Report.from_json(file.read_text()) for file in sorted(folder.glob("*.json"))]
    (folder / "table.md").write_text(table(reports))
    (folder / "plot.svg").write_text(plot(reports))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="records")
    parser.add_argument("--latency", type=float, nargs="+", default=LATENCIES)
    parser.add_argument("--database-url", default="", help="a PostgreSQL server (SQLite)")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--small", action="store_true", help="only to see that all still runs")
    options = parser.parse_args()
    with arena(options.database_url) as place:
        if options.small:
            does_it_run(place)
        else:
            run(place, options.sizes, options.latency, options.out)


if __name__ == "__main__":
    main()
