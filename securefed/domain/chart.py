"""ε against rounds as a picture: bars of characters for a terminal, a line in SVG for a page.

Drawn from numbers alone, so nothing in it needs escaping. The SVG stands by itself: no script, no
font, no link; each point carries its figures as a title, so that it can be read without seeing.
"""

from decimal import Decimal

from securefed.domain.planning import Point
from securefed.domain.rules.speak import shown

_WIDTH, _HEIGHT, _MARGIN = 640, 320, 56


def text_curve(points: tuple[Point, ...], width: int = 40) -> str:
    """One bar a point."""
    most = _highest(points)
    return "\n".join(
        f"{point.rounds:>7} rounds  {_bar(point.epsilon, most, width)}  ε = {shown(point.epsilon)}"
        for point in points
    )


def svg_curve(points: tuple[Point, ...]) -> str:
    """A line through the points, with axes."""
    most = _highest(points)
    last = max(point.rounds for point in points)
    places = [(_across(point.rounds, last), _up(point.epsilon, most), point) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)
    dots = "\n".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#0b5394">'
        f"<title>{point.rounds} rounds: ε = {shown(point.epsilon)}</title></circle>"
        for x, y, point in places
    )
    bottom, right = _HEIGHT - _MARGIN, _WIDTH - _MARGIN
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"
     aria-label="ε against rounds, from {points[0].rounds} to {last}" font-family="sans-serif">
<title>ε against rounds</title>
<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>
<path d="M{_MARGIN} {_MARGIN} V{bottom} H{right}" fill="none" stroke="#333"/>
<polyline points="{line}" fill="none" stroke="#0b5394" stroke-width="2"/>
{dots}
<g font-size="13" fill="#333">
<text x="{_MARGIN - 8}" y="{_MARGIN + 4}" text-anchor="end">{shown(most)}</text>
<text x="{_MARGIN - 8}" y="{bottom}" text-anchor="end">0</text>
<text x="{_MARGIN}" y="{_MARGIN - 16}">ε</text>
<text x="{right}" y="{bottom + 20}" text-anchor="end">{last} rounds</text>
</g>
</svg>
"""


def _highest(points: tuple[Point, ...]) -> Decimal:
    finite = [point.epsilon for point in points if point.epsilon.is_finite()]
    return max([Decimal("0.000001"), *finite])


def _bar(epsilon: Decimal, most: Decimal, width: int) -> str:
    share = 1 if epsilon.is_infinite() else epsilon / most
    return ("█" * max(1, round(share * width))).ljust(width)


def _across(rounds: int, last: int) -> float:
    return _MARGIN + (_WIDTH - 2 * _MARGIN) * rounds / last


def _up(epsilon: Decimal, most: Decimal) -> float:
    share = 1.0 if epsilon.is_infinite() else float(epsilon / most)
    return _HEIGHT - _MARGIN - (_HEIGHT - 2 * _MARGIN) * share
