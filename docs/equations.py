"""The equations in a cell's docstring: as MathML, and as a picture of what depends on what."""

import html
import inspect
import re
from dataclasses import dataclass
from itertools import pairwise

from latex2mathml.converter import convert

SIDE = re.compile(r"^([A-Za-z]+(?:_[A-Za-z]+)?~?'*(?:\(v\))?) = (.+)$")
TOKEN = re.compile(r"[A-Za-z]+(?:_[A-Za-z0-9]+)?(?:\^[A-Za-z])?~?'*|[\d.]+|<=|>=|\S")
SYMBOLS = {
    **{name: rf"\{name} " for name in ("sigma", "phi", "gamma", "epsilon", "lambda", "zeta", "nu", "theta", "beta")},
    "dt": r"\Delta t ",
}
FUNCTIONS = {
    **{name: rf"\{name}" for name in ("tanh", "exp", "max", "ln")},
    **{name: rf"\operatorname{{{name}}}" for name in ("sign", "relu", "modrelu", "GELU", "Re")},
    **{name: SYMBOLS[name] for name in ("sigma", "phi")},
    "g(": "g",
}


@dataclass(frozen=True)
class Equation:
    """One line, as the docstring has it: `h' = (1 - z) h + z n`."""

    left: str
    right: str

    def uses(self) -> set[str]:
        """The symbols on the right."""
        return {token for token in TOKEN.findall(self.right) if re.match("[A-Za-z]", token)}

    def latex(self, defined: set[str]) -> str:
        """In LaTeX: a product of two vectors, entry by entry, has a circled dot."""
        tokens = TOKEN.findall(self.right)
        parts = [_symbol(tokens[0], defined)]
        for last, token in pairwise(tokens):
            parts += [_between(last, token, defined), _symbol(token, defined)]
        return f"{_symbol(self.left.removesuffix('(v)'), defined)}{'(v)' * ('(' in self.left)} = {''.join(parts)}"


def equations(cell: type) -> list[Equation]:
    """Those at the beginning of the docstring's first paragraph of equations."""
    return _parts(cell)[0]


def words(cell: type) -> str:
    """The docstring without its equations, as Markdown, with indices set low."""
    parts = re.sub(r"([*|])", r"\\\1", _parts(cell)[1]).split("`")
    parts[::2] = [re.sub(r"\b([A-Za-z])_(\w)\b", r"*\1*<sub>\2</sub>", part) for part in parts[::2]]
    return "`".join(parts)


def _parts(cell: type) -> tuple[list[Equation], str]:
    found: list[Equation] = []
    kept = []
    for paragraph in re.split(r"\n\n+", inspect.getdoc(cell) or ""):
        joined = " ".join(paragraph.split())
        if SIDE.match(joined) or joined.startswith("with f~"):
            read, joined = _leading(joined.removeprefix("with "))
            found += read
            paragraph = joined[:1].upper() + joined[1:] if re.match("[a-z]{2}", joined) else joined
            kept = [*kept[:-1], re.sub(":$", ".", kept[-1])] if kept else []
        kept.append(paragraph)
    return found, "\n\n".join(filter(None, kept))


def _leading(text: str) -> tuple[list[Equation], str]:
    """The equations with which a paragraph begins, and the rest of it."""
    found = []
    while text:
        end = _end(text)
        match = SIDE.match(text[:end])
        if not match or not all(len(word) <= 2 or word in {*SYMBOLS, *FUNCTIONS}
                                for word in re.findall(r"[A-Za-z]+", match[2])):  # fmt: skip
            return found, text
        found.append(Equation(match[1], match[2]))
        text = re.sub(r"^(, and |, | and |[.:,] ?)", "", text[end:])
    return found, text


def _end(text: str) -> int:
    """Where the first equation ends: at a comma, an "and", or the end of the sentence, outside brackets."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0 and re.match(r",|[.:]( |$)| and ", text[place:]):
            return place
    return len(text)


def _symbol(token: str, defined: set[str]) -> str:
    if token in FUNCTIONS:
        return FUNCTIONS[token]
    if token == "i" and "i" not in defined:
        return r"\mathrm{i}"
    if match := re.match(r"^([A-Za-z]+)(_[A-Za-z0-9]+)?(\^[A-Za-z])?(~?)('*)$", token):
        base, low, high, tilde, primes = match.groups()
        shown = SYMBOLS.get(base, base)
        shown = rf"\tilde{{{shown}}}" if tilde else shown
        high = r"^{\top}" if high == "^T" else high or ""
        return shown + (f"_{{{low[1:]}}}" if low else "") + high + primes
    return {"*": r"\cdot ", "|": r"\vert "}.get(token, token)


def _between(last: str, token: str, defined: set[str]) -> str:
    """What stands between two tokens: nothing, or a product of matrix and vector, of numbers, or entry by entry."""
    ends, begins = re.match(r"[A-Za-z0-9)\]]", last[-1]) or "'" in last, re.match(r"[A-Za-z(\[]", token)
    if last in FUNCTIONS or not ends or not begins or (last == "g" and token == "(" and "g" not in defined):
        return ""
    scalar = last in SYMBOLS or last[0].isupper() or last[0].isdigit() or token[0].isupper()
    return r"\," if scalar or (last == "i" and "i" not in defined) else r" \odot "


def mathml(lines: list[Equation]) -> str:
    """One block for each line."""
    defined = {line.left for line in lines} | {"h"}
    blocks = [convert(line.latex(defined), display="block") for line in lines]
    return f'<div class="equations" tabindex="0" role="group" aria-label="Equations">{"".join(blocks)}</div>'


# The picture

STEP_X, STEP_Y, RADIUS = 118, 62, 21


def diagram(lines: list[Equation], title: str) -> str:
    """An SVG: input and state on the left, what is computed from what to their right; "" for fewer than three."""
    computed = {line.left: line for line in lines if "(" not in line.left}
    sources = ["x", *sorted({name.rstrip("'") for name in computed if name.endswith("'")} | {"h"}, reverse=True)]
    sources = [name for name in sources if any(name in line.uses() for line in computed.values())]
    depth = dict.fromkeys(sources, 0)
    while left := [name for name in computed if name not in depth]:
        ready = [name for name in left if not (computed[name].uses() & {*left} - {name})]
        if not ready:
            return ""
        depth |= {
            name: 1 + max((depth[used] for used in computed[name].uses() & {*depth}), default=0) for name in ready
        }
    drawn = [name for name in depth if name in sources or computed[name].uses() & {*depth}]
    if len(drawn) < len(sources) + 3:
        return ""
    columns = [[name for name in drawn if depth[name] == column] for column in range(max(depth.values()) + 1)]
    height = max(map(len, columns)) * STEP_Y
    place = {
        name: (40 + column * STEP_X, height / 2 + (row - (len(names) - 1) / 2) * STEP_Y)
        for column, names in enumerate(columns) for row, name in enumerate(names)
    }  # fmt: skip
    edges = [_edge(place[used], place[name], "x" if used == "x" else "state" if used in sources else "gate")
             for name in drawn if name in computed
             for used in sorted(computed[name].uses() & place.keys())]  # fmt: skip
    nodes = [_node(name, place[name], computed.get(name)) for name in drawn]
    width = 80 + STEP_X * (len(columns) - 1)
    return (
        f'<svg class="diagram" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{html.escape(title)}">{"".join(edges)}{"".join(nodes)}</svg>'
    )


def _edge(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    (x, y), (u, v) = start, end
    bend = (u - x) / 2
    lift = 0 if u - x <= STEP_X else (26 if v >= y else -26)
    return f'<path class="{kind}" d="M{x + RADIUS} {y}C{x + bend} {y + lift},{u - bend} {v + lift},{u - RADIUS} {v}"/>'


def _node(name: str, place: tuple[float, float], line: Equation | None) -> str:
    x, y = place
    base, _, low = name.rstrip("'~").partition("_")
    sign = {"dt": "Δt"}.get(base, base) + "\u0303" * ("~" in name) + "′" * name.count("'")
    label = html.escape(sign) + (f'<tspan dy="4" font-size="11">{low}</tspan>' if low else "")
    gate = re.match(r"^(sigma|tanh|exp)(?=\([^()]*(\([^()]*\)[^()]*)*\)$)", line.right) if line else None
    kind = f'<text class="small" x="{x}" y="{y + 15}">{ {"sigma": "σ"}.get(gate[1], gate[1]) }</text>' if gate else ""
    return f'<circle cx="{x}" cy="{y}" r="{RADIUS}"/><text x="{x}" y="{y + (1 if gate else 6)}">{label}</text>{kind}'
