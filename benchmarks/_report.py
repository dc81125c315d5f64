"""The results as a table in Markdown and a plot in SVG."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from _arena import FLOOR, NAIVE, OURS, Result


@dataclass
class Report:
    """What was measured at one time, on one database."""

    machine: str
    results: list[Result]

    @classmethod
    def from_json(cls, text: str) -> Report:
        found = json.loads(text)
        return cls(found["machine"], [Result(**one) for one in found["results"]])

    def parts(self) -> Iterator[tuple[str, list[Result]]]:
        """(title, results) for each latency."""
        for latency in sorted({one.latency for one in self.results}):
            found = [one for one in self.results if one.latency == latency]
            slow = f"{latency * 1000:.0f} ms a call" if latency else "QuickBooks answers at once"
            yield f"{found[0].database}, {slow}", found


def _works(results: Sequence[Result]) -> list[str]:
    """The names of what was done, in the order in which it was."""
    return list(dict.fromkeys(one.benchmark for one in results))


# The table ------------------------------------------------------------------------------------

COLUMNS = "| way | records | time | x floor | slope | CPU | x floor "
COLUMNS += "| calls | reads | queries | memory |"
RULE = "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"


def table(reports: Sequence[Report]) -> str:
    """For each database, latency and work: each way at each size."""
    lines: list[str] = []
    for report in reports:
        for title, results in report.parts():
            lines += [f"## {title}", "", report.machine, ""]
            for work in _works(results):
                found = [one for one in results if one.benchmark == work]
                lines += [f"### {work}", "", COLUMNS, RULE]
                lines += [_row(one, found) for one in found]
                lines += ["", *_told(found)]
    return "\n".join(lines).rstrip() + "\n"


def _row(one: Result, among: Sequence[Result]) -> str:
    floors = [each for each in among if (each.way, each.count) == (FLOOR, one.count)]
    times = busy = ""
    if floors and one.way != FLOOR:
        times = _ratio(one.seconds, floors[0].seconds)
        busy = _ratio(one.processor, floors[0].processor)
    cells = [
        one.way,
        f"{one.count:,}",
        _time(one.seconds),
        times,
        _slope(one, [each for each in among if each.way == one.way]),
        _time(one.processor),
        busy,
        f"{one.calls:,}",
        f"{one.reads:,}",
        f"{one.queries:,}",
        f"{max(one.megabytes, 0):.0f} MB",
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(ours: float, floor: float) -> str:
    return f"{ours / floor:.1f}" if floor else ""


def _slope(one: Result, same: Sequence[Result]) -> str:
    """The power of the size with which the time has grown since the smallest one."""
    first = same[0]
    if one.count == first.count:
        return ""
    return f"{math.log(one.seconds / first.seconds) / math.log(one.count / first.count):.2f}"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"


def _told(results: Sequence[Result]) -> list[str]:
    """What the ways have told beside."""
    sizes = sorted({one.count for one in results})
    names = dict.fromkeys((one.way, name) for one in results for name in one.extra)
    if not names:
        return []
    lines = [f"| way | what | {' | '.join(f'{size:,}' for size in sizes)} |"]
    lines += [f"|---|---|{'---:|' * len(sizes)}"]
    for way, name in names:
        by_size = {one.count: one.extra.get(name) for one in results if one.way == way}
        values = [by_size.get(size) for size in sizes]
        cells = [_number(value) for value in values]
        lines.append(f"| {way} | {name} | {' | '.join(cells)} |")
    return [*lines, ""]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.1f}" if value < 100 and value % 1 else f"{value:,.0f}"


# The plot -------------------------------------------------------------------------------------

COLOURS = {FLOOR: "#6b7280", OURS: "#1d4ed8", NAIVE: "#b91c1c"}
OTHER = "#0f766e"
WIDE, HIGH, GAP, ACROSS = 230, 170, 62, 3
STYLE = "font-family:sans-serif;font-size:11px;fill:#111827"


def plot(reports: Sequence[Report]) -> str:
    """A panel for each work that has a floor: seconds by records, both by powers of ten."""
    panels = [
        (f"{work}", title, [one for one in results if one.benchmark == work])
        for report in reports
        for title, results in report.parts()
        for work in _works(results)
    ]
    panels = [each for each in panels if any(one.way == FLOOR for one in each[2])]
    rows = math.ceil(len(panels) / ACROSS)
    width, height = ACROSS * (WIDE + GAP) + GAP, rows * (HIGH + GAP) + GAP
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>Seconds by records: the floor, ours, the naive way</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (work, title, results) in enumerate(panels):
        left = GAP + number % ACROSS * (WIDE + GAP)
        top = GAP + number // ACROSS * (HIGH + GAP)
        drawn.append(f'<g transform="translate({left},{top})" style="{STYLE}">')
        drawn += [_label(0, -22, work, "font-weight:bold"), _label(0, -8, title)]
        drawn += [*_panel(results), "</g>"]
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _panel(results: Sequence[Result]) -> Iterator[str]:
    """Axes with their powers of ten, and a line for each way with its name at its end."""
    across = _powers([one.count for one in results])
    up = _powers([one.seconds for one in results])

    def x(count: float) -> float:
        return (math.log10(count) - across[0]) / (len(across) - 1) * WIDE

    def y(seconds: float) -> float:
        return HIGH - (math.log10(seconds) - up[0]) / (len(up) - 1) * HIGH

    for power in across:
        yield _line(x(10**power), 0, x(10**power), HIGH)
        yield _label(x(10**power) - 12, HIGH + 14, f"{10**power:,}")
    for power in up:
        yield _line(0, y(10**power), WIDE, y(10**power))
        yield _label(-34, y(10**power) + 4, f"{10**power:g} s")
    for way in dict.fromkeys(one.way for one in results):
        points = [(x(one.count), y(one.seconds)) for one in results if one.way == way]
        colour = COLOURS.get(way, OTHER)
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for left, top in points:
            yield f'<circle cx="{left:.1f}" cy="{top:.1f}" r="3" fill="{colour}"/>'
        left, top = points[-1]
        yield _label(left + 5, top - 4, way, f"fill:{colour}")


def _powers(values: Sequence[float]) -> list[int]:
    """The powers of ten around these, at least two."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return list(range(low, max(high, low + 1) + 1))


def _line(left: float, top: float, right: float, bottom: float) -> str:
    ends = f'x1="{left:.1f}" y1="{top:.1f}" x2="{right:.1f}" y2="{bottom:.1f}"'
    return f'<line {ends} stroke="#d1d5db" stroke-width="1"/>'


def _label(left: float, top: float, text: str, style: str = "") -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" style="{style}">{escape(text)}</text>'
