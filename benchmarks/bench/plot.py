"""Small SVG plots: bars side by side, and lines over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_OURS, _OTHERS, _INK, _GRID, _SHADE = "#2563eb", "#9ca3af", "#374151", "#e5e7eb", "#fee2e2"
_FONT = 'font-family="system-ui, sans-serif" font-size="11"'


@dataclass(frozen=True)
class Panel:
    """One column of bars.

    Args:
        title: above it.
        values: one for each row; None for no bar.
    """

    title: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Line:
    """A value over time, in a panel of its own.

    Args:
        title: above it.
        points: seconds and value.
    """

    title: str
    points: Sequence[tuple[float, float]]


def bars(labels: Sequence[str], highlighted: Sequence[bool], panels: Sequence[Panel]) -> str:
    """Returns a plot with a row for each label and a column of logarithmic bars for each panel."""
    row, left, width, gap, top = 18, 250, 150, 60, 30
    parts = [
        _text(left - 8, top + row * index + 12, label, anchor="end", weight="bold" if highlighted[index] else "normal")
        for index, label in enumerate(labels)
    ]
    for column, panel in enumerate(panels):
        x = left + column * (width + gap)
        parts.append(_text(x, 16, panel.title, weight="bold"))
        known = [value for value in panel.values if value]
        low, high = math.log10(min(known)) - 0.2, math.log10(max(known))
        for index, value in enumerate(panel.values):
            if value:
                length = width * (math.log10(value) - low) / max(high - low, 0.1)
                y = top + row * index
                colour = _OURS if highlighted[index] else _OTHERS
                parts.append(f'<rect x="{x}" y="{y + 2}" width="{length:.1f}" height="{row - 4}" fill="{colour}"/>')
                parts.append(_text(x + length + 4, y + 13, short(value)))
    return _document(left + len(panels) * (width + gap), top + row * len(labels) + 10, parts)


def lines(panels: Sequence[Line], shaded: Sequence[tuple[float, float]] = ()) -> str:
    """Returns a plot with a panel for each line, one below the other, and shaded spans of time."""
    left, width, height, gap, top = 80, 640, 130, 45, 30
    parts: list[str] = []
    last = max(seconds for panel in panels for seconds, _ in panel.points) or 1.0
    for number, panel in enumerate(panels):
        y = top + number * (height + gap)
        high = max(value for _, value in panel.points) * 1.1 or 1.0
        parts.append(_text(left, y - 8, panel.title, weight="bold"))
        for begin, end in shaded:
            x, length = left + width * begin / last, width * (end - begin) / last
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="{height}" fill="{_SHADE}"/>')
        for share in (0.0, 0.5, 1.0):
            level = y + height * (1 - share)
            parts.append(f'<line x1="{left}" y1="{level}" x2="{left + width}" y2="{level}" stroke="{_GRID}"/>')
            parts.append(_text(left - 6, level + 4, short(high * share), anchor="end"))
        path = " ".join(
            f"{left + width * seconds / last:.1f},{y + height * (1 - value / high):.1f}"
            for seconds, value in panel.points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_OURS}" stroke-width="1.5"/>')
    bottom = top + len(panels) * (height + gap)
    parts.append(_text(left + width, bottom - gap + 16, f"{last:.0f} s", anchor="end"))
    return _document(left + width + 20, bottom, parts)


def short(value: float) -> str:
    """Returns a number with three digits or so."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {place} fill="{_INK}" {_FONT}>{escape(text)}</text>'


def _document(width: float, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">'
    return "\n".join([head, f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>', *parts, "</svg>"]) + "\n"
