"""Pages of the cells: one for each, from its class, its YAML and the committed results, and one that shows them all."""

import csv
import functools
import html
import math
from pathlib import Path

import numpy as np
import torch
from equations import diagram, equations, mathml, words
from hydra.utils import get_class
from omegaconf import OmegaConf

import rnnbench
from rnnbench.cells import Cell
from rnnbench.cli.menu import choice_settings, choices
from rnnbench.report.cell_names import cell_name

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
LENGTH, SEEDS, INPUTS, UNITS, LOWEST = 100, 3, 2, 32, -40


def names() -> list[str]:
    """The cells on the menu."""
    return list(choices("cell", [CONF]))


def _made(name: str) -> tuple[type[Cell], Cell]:
    settings = OmegaConf.to_container(OmegaConf.load(CONF / "cell" / f"{name}.yaml"))
    kind = get_class(settings.pop("_target_"))
    return kind, kind(INPUTS, UNITS, **settings)


def page(name: str) -> str:
    """The text of one cell's page."""
    kind, cell = _made(name)
    lines = equations(kind)
    module = (ROOT / f"{kind.__module__.replace('.', '/')}.py").read_text()
    parameters = sum(parameter.numel() for parameter in cell.parameters())
    state = ", ".join(f"`{each}`" for each in cell.state_names)
    return "\n\n".join(
        [
            f"# {cell_name(name)}", f"`cell={name}` · {choices('cell', [CONF])[name]}",
            mathml(lines), words(kind), diagram(lines, f"{cell_name(name)}: what is computed from what in one step"),
            f"Source: {_docstring(module)}", f"## Settings\n\n{_settings(name)}",
            f"With {INPUTS} inputs and {UNITS} units it has {parameters:,} parameters; its state is {state}.",
            f"## Its gradient through time\n\n{_picture(name)}", _gradient_sentence(name),
            f"## In the committed results\n\n{_results(name)}",
            f"## Use it\n\n```\nrnnbench cell={name} task=adding\n```\n\n```python\n"
            f"from {kind.__module__} import {kind.__name__}\n"
            f"import rnnbench\n\nlayer = rnnbench.Recurrent({kind.__name__}(input_size=8, hidden_size=64))\n```",
            f"Equations as code: `{kind.__module__.replace('.', '/')}.py`",
        ]
    )  # fmt: skip


def _docstring(module: str) -> str:
    return module.split('"""')[1].replace("\n", " ")


def _settings(name: str) -> str:
    settings = choice_settings("cell", CONF / "cell" / f"{name}.yaml")
    rows = [f"| `{key}` | `{default}` | {comment} |" for key, (default, comment) in settings.items()]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows]) if rows else "It has none."


def overview() -> str:
    """A card for each cell: name, what it is, and its gradient through time in small."""
    cards = []
    for name, what in choices("cell", [CONF]).items():
        lost = decades(name)
        said = f"{lost:.1f} decades lost" if math.isfinite(lost) else "gradient not finite"
        cards.append(
            f'<a class="card" href="cells/{name}.html"><strong>{html.escape(cell_name(name))}</strong>'
            f"{_chart(name, 150, 60)}<small>{html.escape(what)} <em>{said}</em></small></a>"
        )
    return (
        "# All cells\n\nEach has a page with its equations, source, settings and results. The small lines are the "
        f"gradient with respect to the state over {LENGTH} steps, before training, on one scale of "
        f"{-LOWEST} decades: a flat line means that the first steps matter as much as the last. "
        "[A cell of your own](own-cell.md) is one file and gets all of this.\n\n"
        f'<div class="cards">{"".join(cards)}</div>\n'
    )


# The gradient through time before training


@functools.cache
def profile(name: str) -> np.ndarray:
    """log10 g_t / g_T for t = 1 to T: the median over seeds, of the mean square of the last output."""
    logs = []
    for seed in range(SEEDS):
        generator = torch.manual_seed(seed)
        _, cell = _made(name)
        cell.initialise(generator)
        layer, inputs = rnnbench.Recurrent(cell.double(), "eager"), torch.randn(LENGTH, 8, INPUTS, dtype=torch.float64)
        found = rnnbench.gradient_through_time(layer, lambda run=layer, x=inputs: run(x)[0][-1].square().mean(dim=1))
        with np.errstate(divide="ignore"):
            logs.append(np.log10(found.norms["cell"] / found.norms["cell"][-1]))
    return np.median(logs, axis=0)


def decades(name: str) -> float:
    """How many the gradient loses from the last step to the first."""
    return float(-profile(name)[0]) + 0.0


def _gradient_sentence(name: str) -> str:
    lost = decades(name)
    verb = "loses" if lost >= 0 else "gains"
    return (
        f"Before training, over {LENGTH} steps of random input, the gradient {verb} {abs(lost):.1f} decades (median of "
        f"{SEEDS} initialisations, {UNITS} units, the loss being the mean square of the last output). The thin lines "
        "are all other cells. [What this number means](../measurements.md), and [what becomes of it in "
        "training](../results.md)."
    )


def _line(name: str, width: float, height: float, left: float, top: float, own: bool = True) -> str:
    levels = np.clip(np.nan_to_num(profile(name), nan=LOWEST, neginf=LOWEST), LOWEST, 2)
    points = [f"{left + step / (LENGTH - 1) * width:.1f},{top + (2 - levels[step]) / (2 - LOWEST) * height:.1f}"
              for step in range(0, LENGTH, 3)]  # fmt: skip
    look = ' class="own"' if own else ""
    return f'<polyline{look} points="{" ".join(points)}"/>'


def _chart(name: str, width: int, height: int) -> str:
    return (
        f'<svg class="gradient" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">'
        f"{_line(name, width - 4, height - 8, 2, 4)}</svg>"
    )


def _picture(name: str) -> str:
    width, height, left, top = place = 480, 200, 60, 10
    others = "".join(_line(each, *place, own=False) for each in names() if each != name)
    ticks = "".join(
        f'<text class="tick" x="{left - 8}" y="{top + (2 - level) / (2 - LOWEST) * height + 4}" text-anchor="end">'
        f'10<tspan dy="-5" font-size="9">{str(level).replace("-", "−")}</tspan></text>'
        for level in (0, -10, -20, -30, -40)
    )
    steps = "".join(
        f'<text class="tick" x="{left + (step - 1) / (LENGTH - 1) * width}" y="{top + height + 18}" '
        f'text-anchor="middle">{step}</text>'
        for step in (1, 25, 50, 75, 100)
    )
    return (
        f'<svg class="gradient" viewBox="0 0 {left + width + 15} {top + height + 45}" role="img" '
        f'aria-label="Gradient with respect to the state at each of {LENGTH} steps, relative to the last one">'
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}"/>{others}'
        f"{_line(name, *place)}{ticks}{steps}"
        f'<text x="{left + width / 2}" y="{top + height + 38}" text-anchor="middle">time step t</text>'
        f'<text transform="translate(13 {top + height / 2}) rotate(-90)" text-anchor="middle">gradient relative to the '
        "last step</text></svg>"
    )


# Committed results


def _results(name: str) -> str:
    rows = [
        _result(table.parent.name, row)
        for table in sorted((ROOT / "results").glob("*/comparison.csv"))
        for row in csv.DictReader(table.read_text().splitlines())
        if row["cell"] == name
    ]
    if not rows:
        return ("None of the committed experiments has it yet. "
                f"`rnnbench experiment=quickstart cell={name}` compares it in minutes.")  # fmt: skip
    head = "| experiment | task | setting | runs | solved | test loss |\n| --- | --- | --- | --- | --- | --- |"
    return "\n".join([head, *rows])


def _result(experiment: str, row: dict[str, str]) -> str:
    runs = int(row["runs"])
    solved = f"{round(float(row['success_rate']) * runs)} of {runs}" if row["success_rate"] else "no criterion"
    task = row["task"] + (f", {row['difficulty_setting']} {row['difficulty']}" if row["difficulty"] else "")
    loss = f"{float(row['test_loss']):.3g}" if row["test_loss"] else "differs: see there"
    link = f"[{experiment}](../results/{experiment}/report.html)"
    return f"| {link} | {task} | {row['variant'].replace('|', ' ') or '–'} | {runs} | {solved} | {loss} |"
