"""A comparison as a picture: a bar for each choice, one colour for each part of the bill."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lab.cost.bill import PARTS
from lab.cost.compare import Comparison
from lab.cost.prices import AS_OF
from lab.terminal.language import _

WIDTH, LEFT, RIGHT, TOP = 760, 210, 60, 84
BAR, GAP = 18, 14
# Okabe and Ito's colours, which colour-blind people can tell apart: https://jfly.uni-koeln.de/color/
COLOURS = dict(zip(PARTS, ("#d55e00", "#0072b2", "#56b4e9", "#009e73", "#e69f00"), strict=True))


def svg(comparison: Comparison, title: str) -> str:
    """Return the comparison as an SVG of bars, in USD a month."""
    bars = [(nat, hours, bill) for nat, bills in comparison.items() for hours, bill in bills.items()]
    scale = (WIDTH - LEFT - RIGHT) / max(1, *(bill.usd for _, _, bill in bars))
    height = TOP + len(bars) * BAR + len(comparison) * GAP + 20
    root = Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {height}", "width": str(WIDTH), "role": "img"},
    )
    root.set("font-family", "system-ui, sans-serif")
    root.set("font-size", "12")
    SubElement(root, "title").text = title
    _box(root, (0, 0), (WIDTH, height), "#ffffff")
    _text(root, 16, 28, title, size=16)
    for number, (part, colour) in enumerate(COLOURS.items()):
        left = 16 + number * 140
        _box(root, (left, 46), (12, 12), colour)
        _text(root, left + 18, 56, _(part))
    y = TOP
    for nat, bills in comparison.items():
        _text(root, 16, y + 13, f"nat={nat}", weight="bold")
        for hours, bill in bills.items():
            _text(root, LEFT - 10, y + 13, _("{hours:g} h a day").format(hours=hours), anchor="end")
            end = float(LEFT)
            for part, usd in bill.parts().items():
                _box(root, (end, y + 1), (usd * scale, BAR - 3), COLOURS[part])
                end += usd * scale
            _text(root, end + 6, y + 13, f"{bill.usd:.0f}")
            y += BAR
        y += GAP
    _text(
        root,
        16,
        height - 10,
        _("AWS's list prices of {as_of}, before tax.").format(as_of=AS_OF),
        size=11,
        colour="#555555",
    )
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _box(root: Element, corner: tuple[float, float], size: tuple[float, float], colour: str) -> None:
    shape = dict(zip(("x", "y", "width", "height"), (*corner, *size), strict=True))
    SubElement(root, "rect", {key: f"{value:.1f}" for key, value in shape.items()} | {"fill": colour})


def _text(
    root: Element,
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    weight: str = "normal",
    anchor: str = "start",
    colour: str = "#1a1a1a",
) -> None:
    look = {"font-size": str(size), "font-weight": weight, "text-anchor": anchor, "fill": colour}
    SubElement(root, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", **look}).text = text
