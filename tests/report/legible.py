"""What in a drawn figure cannot be read: text beyond the canvas, text over text, panels over panels, too high."""

from itertools import combinations
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text
from matplotlib.transforms import Bbox

HIGHEST = 9.0
"""Inches of a journal's page."""
OVERLAP = "panels or legends overlap"
SLACK = 0.6
"""Pixels at 100 dpi by which boxes may touch."""


def shown_texts(canvas: Canvas) -> list[tuple[str, Bbox]]:
    """Every text that is drawn, with its box; tick labels beyond the axis' limits are not."""
    hidden: set[int] = set()
    for axes in canvas.axes:
        for axis, low, high in ((axes.xaxis, *sorted(axes.get_xlim())), (axes.yaxis, *sorted(axes.get_ylim()))):
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            room = 1e-9 * (high - low)
            for tick in ticks:
                if not axes.axison or not low - room <= tick.get_loc() <= high + room or not axis.get_visible():
                    hidden |= {id(tick.label1), id(tick.label2)}
    renderer: Any = canvas.canvas.get_renderer()  # type: ignore[attr-defined]
    found: list[tuple[str, Bbox]] = []
    for text in canvas.findobj(Text):
        axes = text.axes
        if id(text) in hidden or not text.get_visible() or not text.get_text().strip():
            continue
        if axes is not None and not axes.axison and text not in axes.texts:
            continue
        found.append((text.get_text(), text.get_window_extent(renderer)))
    return found


def problems(canvas: Canvas) -> list[str]:
    """One line for each text that is cut off or printed over another, and for a figure that no page holds."""
    canvas.set_dpi(100)
    FigureCanvasAgg(canvas).draw()
    width, height = canvas.bbox.width, canvas.bbox.height
    lines = [f"{canvas.get_figheight():.1f} inches high"] if canvas.get_figheight() > HIGHEST else []
    texts = shown_texts(canvas)
    for text, box in texts:
        if box.x0 < -SLACK or box.y0 < -SLACK or box.x1 > width + SLACK or box.y1 > height + SLACK:
            lines.append(f"{text!r} leaves the canvas")
    for (one, box), (other, other_box) in combinations(texts, 2):
        if box.padded(-SLACK).overlaps(other_box.padded(-SLACK)):
            lines.append(f"{one!r} and {other!r} overlap")
    panels = [axes for axes in canvas.axes if axes.axison and axes.get_label() != "<colorbar>"]
    boxes = [part.get_window_extent() for part in (*panels, *canvas.legends)]
    if any(one_box.overlaps(other) for one_box, other in combinations(boxes, 2)):
        lines.append(OVERLAP)
    for axes in panels:
        if min(axes.get_window_extent().size) < 25:
            lines.append(f"a panel of {axes.get_window_extent().size} pixels")
    return lines
