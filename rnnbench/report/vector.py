"""A figure as a vector graphic inside the page, whose points can be read one by one."""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from rnnbench.report.labels import number

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
POINTS_PER_INCH = 72
REFERENCE = re.compile(r"(^#|url\(#)([^()\s]+)")
"""To an identifier, in an attribute."""
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
SCALE = 1.4
"""Pixels of the page to a point of the figure."""
MOST_POINTS = 1500
"""To a figure that can be read; of lines with more, every second or third, and so on."""


@dataclass(frozen=True)
class Reading:
    """A line of a figure with what is read at its points."""

    curve: bool
    """Whether it is drawn only while one of its points is pointed at."""
    axes: str
    """What the two values are."""
    colour: str
    points: list[tuple[float, float, str]]
    """Places in the graphic with their text."""


def inline_svg(canvas: Canvas, name: str, alternative: str) -> str:
    """The figure as an SVG element: with the alternative text, identifiers of its own, and its points to be read."""
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="svg", facecolor="none", metadata={"Date": None})
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(buffer.getvalue())
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    _rename(root, name)
    width, height = canvas.get_figwidth() * POINTS_PER_INCH, canvas.get_figheight() * POINTS_PER_INCH
    root.attrib |= {"width": f"{width * SCALE:.0f}", "height": f"{height * SCALE:.0f}", "role": "img",
                    "aria-label": alternative}  # fmt: skip
    root.append(_readable(list(_readings(canvas, height))))
    return ElementTree.tostring(root, encoding="unicode")


def _rename(root: ElementTree.Element, name: str) -> None:
    """Keep only identifiers that something refers to, numbered and begun with the figure's name; shorten numbers."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    there = {element.get("id") for element in root.iter()}
    referred = dict.fromkeys(match[2] for value in values for match in REFERENCE.finditer(value) if match[2] in there)
    names = {identifier: f"{name}-{place}" for place, identifier in enumerate(referred)}
    for element in root.iter():
        if (identifier := element.attrib.pop("id", None)) in names:
            element.set("id", names[str(identifier)])
        for key, value in list(element.attrib.items()):
            if key in ("d", "x", "y"):
                value = LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value)
            element.set(key, REFERENCE.sub(lambda match: f"{match[1]}{names.get(match[2], match[2])}", value))


def _readable(readings: list[Reading]) -> ElementTree.Element:
    """A layer of points, not seen until they are pointed at, each with its text."""
    layer = ElementTree.Element(f"{{{SVG}}}g", {"class": "readable"})
    for reading in readings:
        line = ElementTree.SubElement(layer, f"{{{SVG}}}g", {"color": reading.colour, "data-axes": reading.axes})
        if reading.curve:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in reading.points)
            ElementTree.SubElement(line, f"{{{SVG}}}polyline", {"points": path})
        for x, y, text in reading.points:
            point = ElementTree.SubElement(line, f"{{{SVG}}}circle", {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "2.5"})
            ElementTree.SubElement(point, f"{{{SVG}}}title").text = text
    return layer


def _readings(canvas: Canvas, height: float) -> Iterator[Reading]:
    """The named lines of all panels."""
    found = [(axes, line, name) for axes in canvas.axes for line in axes.lines if (name := _name(axes, line))]
    every = max(1, -(-sum(len(_data(line)) for _, line, _ in found) // MOST_POINTS))
    pixels = POINTS_PER_INCH / canvas.dpi
    for axes, line, name in found:
        data = _data(line)
        kept = data[sorted({*range(0, len(data), every), len(data) - 1})] if len(data) else data
        places = axes.transData.transform(kept) * pixels
        inside = axes.bbox.padded(1)
        points = [
            (float(x), height - float(y), f"{name}: {_value(axes.xaxis, at)}, {_value(axes.yaxis, of)}")
            for (x, y), (at, of) in zip(places, kept, strict=True)
            if np.isfinite([x, y]).all() and inside.contains(x / pixels, y / pixels)
        ]
        if points:
            labels = f"{_axis_label(canvas, axes, 'x')}, {_axis_label(canvas, axes, 'y')}"
            yield Reading(not line.get_visible(), labels, mpl.colors.to_hex(line.get_color()), points)


def _name(axes: Axes, line: Line2D) -> str:
    """What a line is called; nothing where it is not of data or has no name."""
    if line.get_transform() is not axes.transData:
        return ""
    name = line.get_gid() or str(line.get_label())
    return "" if name.startswith("_") else name.replace(r"\$", "$")


def _data(line: Line2D) -> "np.ndarray[Any, Any]":
    """The points of a line, one row each, without gaps."""
    data = np.array([np.asarray(values, float) for values in line.get_data(orig=False)]).T
    kept: np.ndarray[Any, Any] = data[np.isfinite(data).all(axis=1)]
    return kept


def _axis_label(canvas: Canvas, axes: Axes, which: str) -> str:
    """The label of the axis: its own, that of its row or column, or the whole figure's."""
    place = axes.get_subplotspec()
    beside = [
        other for other in canvas.axes
        if place is not None and (at := other.get_subplotspec()) is not None
        and (at.rowspan == place.rowspan if which == "y" else at.colspan == place.colspan)
    ]  # fmt: skip
    labels = [getattr(each, f"get_{which}label")() for each in [axes, *beside]]
    labels.append(canvas.get_supxlabel() if which == "x" else canvas.get_supylabel())
    return _plain(next(filter(None, labels), which))


def _plain(label: str) -> str:
    """A label in one line, without the marks of a formula."""
    return " ".join(re.sub(r"\\,|(?<!\\)\$|\\(?=\$)", "", label).split())


def _value(axis: Axis, value: float) -> str:
    """A value as the axis names it: that of the nearest tick where it has named ones, else the number."""
    if isinstance(axis.get_major_locator(), FixedLocator):
        ticks = np.asarray(axis.get_majorticklocs(), float)
        if len(ticks):
            nearest = int(np.abs(ticks - value).argmin())
            if named := axis.get_major_formatter().format_ticks(list(ticks))[nearest]:
                return _plain(named)
    return number(value)
