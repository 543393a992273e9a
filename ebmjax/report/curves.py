"""Training curves from a metrics.jsonl of any length, as small inline SVG pictures."""

import json
import math
from array import array
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ebmjax.report.html import identifier, number, text

MAX_POINTS = 500
WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 50, 18, 8, 22
LOG_RATIO = 100
"""A metric that is positive everywhere and spans more than this factor gets a logarithmic axis."""


class Curve(NamedTuple):
    """A metric over the steps, both `[N]`; NaN where it is not finite."""

    name: str
    steps: np.ndarray
    values: np.ndarray


def read_curves(path: str | Path) -> tuple[list[Curve], int]:
    """(scalar metrics of a metrics.jsonl in order of appearance, number of unreadable lines).

    No curves if there is no file. Null and non-finite values become NaN; entries that are not numbers are left out.
    """
    columns: dict[str, tuple[array, array]] = {}
    num_broken = 0
    if not Path(path).is_file():
        return [], 0
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
                step = float(row.pop("step"))
            except (ValueError, TypeError, KeyError, AttributeError):
                num_broken += bool(line.strip())
                continue
            for name, value in row.items():
                if value is None or (isinstance(value, Real) and not isinstance(value, bool)):
                    steps, values = columns.setdefault(name, (array("d"), array("d")))
                    steps.append(step)
                    values.append(math.nan if value is None or not math.isfinite(value) else value)
    return [Curve(name, np.array(steps), np.array(values)) for name, (steps, values) in columns.items()], num_broken


def thin(curve: Curve, max_points: int = MAX_POINTS) -> Curve:
    """At most `max_points` (≥ 10) of a curve: the extremes of equal intervals, so that no spike is lost, and the end.

    An interval with a non-finite value keeps one such point in place of its maximum.
    """
    num = len(curve.steps)
    if num <= max_points:
        return curve
    size = -(-num // ((max_points - 1) // 2))
    kept = {num - 1}
    for start in range(0, num, size):
        values = curve.values[start : start + size]
        broken = np.isnan(values)
        low = np.argmin(np.where(broken, np.inf, values))
        high = np.argmax(broken) if broken.any() else np.argmax(values)
        kept |= {start + int(low), start + int(high)}
    rows = sorted(kept)
    return curve._replace(steps=curve.steps[rows], values=curve.values[rows])


def figure(curve: Curve) -> str:
    """The curve as an HTML figure: its name and last value, and an SVG with axes."""
    last = number(float(curve.values[-1]))
    label = f"{curve.name} against the step, {last} at the end, step {curve.steps[-1]:.0f}"
    title = f"<figcaption><code>{identifier(curve.name)}</code><strong>{last}</strong></figcaption>"
    drawing = _svg(thin(curve), label) if np.isfinite(curve.values).any() else '<p class="warn">No finite value.</p>'
    return f"<figure>{title}{drawing}</figure>"


def _svg(curve: Curve, label: str) -> str:
    finite = curve.values[np.isfinite(curve.values)]
    is_log = finite.min() > 0 and finite.max() > LOG_RATIO * finite.min()
    scale = np.log10 if is_log else np.asarray
    low, high = _padded(float(scale(finite.min())), float(scale(finite.max())))
    first, last = _padded(curve.steps.min(), curve.steps.max(), 0.0)
    across = lambda step: LEFT + (step - first) / (last - first) * (WIDTH - LEFT - RIGHT)
    up = lambda value: HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
    bottom, parts = HEIGHT - BOTTOM, []
    for value, name in _log_ticks(low, high) if is_log else _ticks(low, high, 4):
        parts.append(f'<path class="axis" d="M{LEFT} {up(value):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{name}</text>')
    for value, name in _ticks(first, last, 4):
        parts.append(f'<path class="axis" d="M{across(value):.1f} {bottom}v4"/>')
        parts.append(f'<text x="{across(value):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{name}</text>')
    pen, path, gaps = "M", "", ""
    for step, value in zip(curve.steps, curve.values):
        if math.isnan(value):
            pen, gaps = "M", gaps + f"M{across(step):.1f} {bottom}v-7"
        else:
            path += f"{pen}{across(step):.1f} {up(scale(value)):.1f}"
            pen = "L"
    parts.append(f'<path class="curve" d="{path}"/>' + (f'<path class="gap" d="{gaps}"/>' if gaps else ""))
    if math.isfinite(curve.values[-1]):
        end = up(scale(curve.values[-1]))
        parts.append(f'<circle class="end" cx="{across(curve.steps[-1]):.1f}" cy="{end:.1f}" r="3"/>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(label)}">{"".join(parts)}</svg>'


def _padded(low: float, high: float, share: float = 0.05) -> tuple[float, float]:
    """The range with a margin, never empty."""
    if low == high == 0:  # counts that stayed at zero
        return 0.0, 1.0
    margin = share * (high - low) if high > low else abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float, num: int) -> list[tuple[float, str]]:
    """About `num` round values in [low, high] with their labels."""
    rough = (high - low) / num
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - rough))
    values = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(value, _label(value, step)) for value in values]


def _log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Powers of ten in [10^low, 10^high], at most six; values are exponents."""
    exponents = range(math.ceil(low), math.floor(high) + 1)
    return [(i, _label(10.0**i, 10.0**i)) for i in exponents[:: -(-len(exponents) // 6)]]


def _label(value: float, step: float) -> str:
    """The label of a tick, with enough digits to distinguish it from the next one, `step` away."""
    size = abs(value)
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if max(unit, 1e4) <= size < 1e12 and step >= unit / 10:
            return f"{value / unit:g}{sign}".replace("-", "−")
    if step >= 1e-4 and size < 1e7:
        return f"{value:.{max(-math.floor(math.log10(step)), 0)}f}".replace("-", "−")
    digits = math.ceil(math.log10(size / step)) + 1 if value else 1
    return f"{value:.{min(max(digits, 1), 7)}g}".replace("-", "−")
