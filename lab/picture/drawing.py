"""A drawing of frames, icons, texts and wires, and how it becomes an SVG or a PNG. Units are pixels."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from PIL import Image, ImageDraw, ImageFont
from rich.cells import cell_len

ICON = 48
INK = "#232f3e"
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A box with a title in its upper left corner, or right where a wire comes in at the left."""

    x: float
    y: float
    width: float
    height: float
    title: str
    colour: str
    fill: str = "none"
    dashed: bool = False
    title_right: bool = False

    @property
    def text(self) -> "Text":
        """The title where it stands."""
        x, anchor = (self.x + self.width - 10, "end") if self.title_right else (self.x + 10, "start")
        return Text(x, self.y + 17, self.title, 12, anchor, self.colour)


@dataclass(frozen=True)
class Icon:
    """One of AWS's icons, ICON wide; ``x`` and ``y`` are its centre."""

    x: float
    y: float
    name: str

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.x - ICON / 2, self.y - ICON / 2, self.x + ICON / 2, self.y + ICON / 2


@dataclass(frozen=True)
class Text:
    """A line of text; ``x`` and ``y`` are where its base line begins, ends or has its middle."""

    x: float
    y: float
    text: str
    size: int = 11
    anchor: str = "middle"
    colour: str = INK

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, nearly: fonts differ."""
        width = _width(self.text, self.size)
        left = self.x - {"start": 0, "middle": width / 2, "end": width}[self.anchor]
        return left, self.y - self.size, left + width, self.y + self.size / 4


@dataclass(frozen=True)
class Wire:
    """A line through points, with an arrow at its end; dashed for what is not a route."""

    points: Sequence[Point]
    colour: str = INK
    dashed: bool = False
    two_way: bool = False


@dataclass(frozen=True)
class Drawing:
    """All that is drawn, in this order: frames, wires, icons, texts."""

    width: int
    height: int
    frames: list[Frame] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    icons: list[Icon] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def svg(drawing: Drawing, title: str) -> str:
    """Return the drawing as an SVG that needs no other file."""
    size = {"width": str(drawing.width), "height": str(drawing.height)}
    root = Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {drawing.width} {drawing.height}", **size}
    )
    root.set("font-family", "system-ui, sans-serif")
    root.set("role", "img")
    SubElement(root, "title").text = title
    SubElement(root, "rect", {**size, "fill": "#ffffff"})
    for frame in drawing.frames:
        box = {"x": frame.x, "y": frame.y, "width": frame.width, "height": frame.height}
        look = {"fill": frame.fill, "stroke": frame.colour, "rx": "4"} | (
            {"stroke-dasharray": "5 4"} if frame.dashed else {}
        )
        SubElement(root, "rect", {key: f"{value:g}" for key, value in box.items()} | look)
    for wire in drawing.wires:
        points = " ".join(f"{x:g},{y:g}" for x, y in wire.points)
        look = {"fill": "none", "stroke": wire.colour, "stroke-width": "1.5"}
        SubElement(root, "polyline", {"points": points, **look} | ({"stroke-dasharray": "4 3"} if wire.dashed else {}))
        for head in _heads(wire):
            SubElement(root, "polygon", {"points": " ".join(f"{x:g},{y:g}" for x, y in head), "fill": wire.colour})
    images = SubElement(root, "defs")
    for name in sorted({icon.name for icon in drawing.icons}):
        data = base64.b64encode(_icon_file(name).read_bytes()).decode()
        side = {"width": str(ICON), "height": str(ICON)}
        SubElement(images, "image", {"id": _id(name), **side, "href": f"data:image/png;base64,{data}"})
    for icon in drawing.icons:
        SubElement(
            root, "use", {"href": f"#{_id(icon.name)}", "x": f"{icon.x - ICON / 2:g}", "y": f"{icon.y - ICON / 2:g}"}
        )
    for text in _texts(drawing):
        look = {"font-size": str(text.size), "text-anchor": text.anchor, "fill": text.colour}
        SubElement(root, "text", {"x": f"{text.x:g}", "y": f"{text.y:g}", **look}).text = text.text
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def png(drawing: Drawing, scale: int = 2) -> Image.Image:
    """Return the drawing as an image, ``scale`` times as large as the SVG: sharp on today's screens."""
    image = Image.new("RGB", (drawing.width * scale, drawing.height * scale), "white")
    pen = ImageDraw.Draw(image)
    for frame in drawing.frames:
        left, top, right, bottom = (
            scale * side for side in (frame.x, frame.y, frame.x + frame.width, frame.y + frame.height)
        )
        fill = None if frame.fill == "none" else frame.fill
        if frame.dashed:
            corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
            pen.rectangle((left, top, right, bottom), fill=fill)
            _dashes(pen, corners, frame.colour, scale)
        else:
            pen.rounded_rectangle((left, top, right, bottom), 4 * scale, fill=fill, outline=frame.colour, width=scale)
    for wire in drawing.wires:
        points = [(x * scale, y * scale) for x, y in wire.points]
        if wire.dashed:
            _dashes(pen, points, wire.colour, scale)
        else:
            pen.line(points, fill=wire.colour, width=round(1.5 * scale))
        for head in _heads(wire):
            pen.polygon([(x * scale, y * scale) for x, y in head], fill=wire.colour)
    for icon in drawing.icons:
        picture = Image.open(_icon_file(icon.name)).convert("RGBA").resize((ICON * scale, ICON * scale))
        image.paste(picture, (round((icon.x - ICON / 2) * scale), round((icon.y - ICON / 2) * scale)), picture)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    for text in _texts(drawing):
        where = (text.x * scale, text.y * scale)
        pen.text(where, text.text, fill=text.colour, font=_font(text.size * scale), anchor=anchors[text.anchor])
    return image


def shortened(text: str, width: float, size: int = 11) -> str:
    """Return a text that is at most ``width`` wide, nearly: it ends with dots where it was longer."""
    if _width(text, size) <= width:
        return text
    while text and _width(text + "...", size) > width:
        text = text[:-1]
    return text + "..."


def _width(text: str, size: int) -> float:
    """Return how wide a text is: what is not in the font, such as Japanese, is as wide as it is high."""
    narrow = "".join(each for each in text if cell_len(each) == 1)
    return _font(size).getlength(narrow) + size * (len(text) - len(narrow))


def _texts(drawing: Drawing) -> list[Text]:
    return [frame.text for frame in drawing.frames] + drawing.texts


def _heads(wire: Wire) -> list[list[Point]]:
    """Return the arrow heads of a wire, whose lines are level or upright."""
    ends = [(wire.points[-2], wire.points[-1])] + ([(wire.points[1], wire.points[0])] if wire.two_way else [])
    heads = []
    for (from_x, from_y), (x, y) in ends:
        dx, dy = (x > from_x) - (x < from_x), (y > from_y) - (y < from_y)
        back_x, back_y = x - 8 * dx, y - 8 * dy
        heads.append([(x, y), (back_x - 4 * dy, back_y - 4 * dx), (back_x + 4 * dy, back_y + 4 * dx)])
    return heads


def _dashes(pen: ImageDraw.ImageDraw, points: Sequence[Point], colour: str, scale: int) -> None:
    dash, gap = 5 * scale, 4 * scale
    for (x, y), (to_x, to_y) in pairwise(points):
        length = abs(to_x - x) + abs(to_y - y)
        if not length:
            continue
        dx, dy = (to_x - x) / length, (to_y - y) / length
        done = 0.0
        while done < length:
            end = min(done + dash, length)
            pen.line([(x + dx * done, y + dy * done), (x + dx * end, y + dy * end)], fill=colour, width=scale)
            done = end + gap


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101  # it is, where a size is given
    return font


def _icon_file(name: str) -> Path:
    """Return the file of an icon such as ``network/nat-gateway``, out of the package ``diagrams``."""
    package = find_spec("diagrams")
    assert package  # noqa: S101  # it is a dependency of ours
    assert package.origin  # noqa: S101
    return Path(package.origin).parent.parent / "resources" / "aws" / f"{name}.png"


def _id(name: str) -> str:
    return name.replace("/", "-")
