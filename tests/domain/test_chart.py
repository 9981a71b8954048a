"""The picture of ε against rounds, as text and as SVG."""

from decimal import Decimal
from xml.etree import ElementTree

from securefed.domain.chart import svg_curve, text_curve
from securefed.domain.planning import Point

POINTS = (
    Point(rounds=1, epsilon=Decimal("0.5")),
    Point(rounds=5, epsilon=Decimal("1.25")),
    Point(rounds=10, epsilon=Decimal("2")),
)
SVG = "{http://www.w3.org/2000/svg}"


def test_the_bars_are_as_long_as_their_share() -> None:
    lines = text_curve(POINTS, width=20).splitlines()
    assert [line.count("█") for line in lines] == [5, 12, 20]
    assert lines[1].endswith("ε = 1.25")


def test_an_infinite_epsilon_fills_its_bar() -> None:
    infinite = Point(rounds=20, epsilon=Decimal("Infinity"))
    assert text_curve((*POINTS, infinite), width=20).splitlines()[-1].count("█") == 20


def test_nothing_spent_is_still_a_bar() -> None:
    assert text_curve((Point(rounds=1, epsilon=Decimal(0)),)).count("█") == 1


def test_the_svg_is_well_formed_and_stands_by_itself() -> None:
    text = svg_curve((*POINTS, Point(rounds=20, epsilon=Decimal("Infinity"))))
    root = ElementTree.fromstring(text)
    titles = [one.text for one in root.iter(f"{SVG}title")]
    assert "5 rounds: ε = 1.25" in titles
    assert "20 rounds: ε = infinite" in titles
    assert len(list(root.iter(f"{SVG}circle"))) == 4
    assert "script" not in text
    assert "href" not in text


def test_higher_epsilon_stands_higher() -> None:
    circles = list(ElementTree.fromstring(svg_curve(POINTS)).iter(f"{SVG}circle"))
    heights = [float(one.attrib["cy"]) for one in circles]
    assert heights == sorted(heights, reverse=True)
