"""The buffers of a schedule: their names in the generated source, their order as arguments, their slices at a step.

Every buffer is flat. A sequence lies as (steps, batch, width), a state's as (steps + 1, batch, width) with the initial
state first, so that a step's rows are one slice, and its loops run over plain contiguous arrays.
"""

from dataclasses import dataclass
from typing import Literal

from rnnbench.backends.fused.ir.graph import Node
from rnnbench.backends.fused.ir.schedule import Schedule

Role = Literal[
    "input", "state", "sequence", "weight", "bias", "parameter",
    "input_gradient", "state_gradient", "weight_gradient", "bias_gradient", "parameter_gradient",
]  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """An array that a generated function takes: its role, the node or state tensor it belongs to, its name."""

    role: Role
    position: int
    name: str


class Layout:
    """Names for everything that the generated functions read and write."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        widths = sorted({node.width for node in schedule.graph.nodes if node.width is not None})
        special = {self._width_of("input"): "inputs", self._width_of("state"): "hidden"}
        self.width_names = {width: special.get(width, f"width{index}") for index, width in enumerate(widths)}

    def _width_of(self, operation: str) -> int:
        return next(node.width or 0 for node in self.schedule.graph.nodes if node.operation == operation)

    def node(self, position: int) -> Node:
        """The node at a position."""
        return self.schedule.graph.nodes[position]

    def width(self, position: int) -> str:
        """The name of a node's width."""
        return self.width_names[self.node(position).width or 0]

    def name(self, position: int) -> str:
        """The name of a node, that of a state tensor for a state."""
        node = self.node(position)
        return self.schedule.state_names[node.index] if node.operation == "state" else self.schedule.names[position]

    def forward_arguments(self) -> tuple[Argument, ...]:
        """What the forward loop reads and writes."""
        schedule = self.schedule
        return (
            *self._values(),
            *(Argument("weight", linear, f"{schedule.names[linear]}_weight") for linear in schedule.linears),
            *(Argument("bias", total, f"{schedule.names[total]}_bias") for total in schedule.preactivations),
        )

    def backward_arguments(self) -> tuple[Argument, ...]:
        """What the backward loop reads and writes."""
        schedule = self.schedule
        return (
            *self._values(),
            *(Argument("weight", linear, f"{schedule.names[linear]}_weight") for linear in schedule.linears),
            Argument("input_gradient", 0, "input_gradients"),
            *(Argument("state_gradient", i, f"{name}_gradients") for i, name in enumerate(schedule.state_names)),
            *(Argument("weight_gradient", linear, f"{schedule.names[linear]}_gradient") for linear in schedule.linears),
            *(
                Argument("bias_gradient", total, f"{schedule.names[total]}_bias_gradient")
                for total in schedule.preactivations
            ),
            *(Argument("parameter_gradient", p, f"{schedule.names[p]}_gradients") for p in schedule.parameters),
        )

    def _values(self) -> tuple[Argument, ...]:
        schedule = self.schedule
        return (
            Argument("input", 0, "input_all"),
            *(Argument("state", index, f"{name}_all") for index, name in enumerate(schedule.state_names)),
            *(
                Argument("sequence", position, f"{schedule.names[position]}_all")
                for position in schedule.saved_for_backward
            ),
            *(Argument("parameter", position, f"{schedule.names[position]}_all") for position in schedule.parameters),
        )

    def lies_in_sequence(self, position: int) -> bool:
        """Whether a node has a buffer over all steps."""
        return position in self.schedule.saved_for_backward or position in self.schedule.graph.outputs

    def whole(self, position: int) -> str:
        """The buffer over all steps in which a leaf, an output or a kept node lies."""
        if position in self.schedule.graph.outputs:
            return f"{self.schedule.state_names[self.schedule.graph.outputs.index(position)]}_all"
        return f"{self.name(position)}_all"

    def now(self, position: int) -> str:
        """The name of a node's rows at this step."""
        if position in self.schedule.graph.outputs:
            return f"{self.schedule.state_names[self.schedule.graph.outputs.index(position)]}_next"
        return f"{self.name(position)}_now"

    def step_slices(self) -> list[str]:
        """The rows of every value at this step; `row` is the first of them."""
        schedule, lines = self.schedule, []
        widths = list(dict.fromkeys(self.width_names.values()))
        lines += [f"at_{width} = row * {width}" for width in widths]
        operations = [node.operation for node in schedule.graph.nodes]
        lines.append(_slice("input_now", "input_all", self.width(operations.index("input"))))
        for name in schedule.state_names:
            lines.append(_slice(f"{name}_now", f"{name}_all", "hidden"))
            lines.append(_slice(f"{name}_next", f"{name}_all", "hidden", skip=" + batch * hidden"))
        lines += [
            _slice(self.now(position), self.whole(position), self.width(position))
            for position in schedule.saved_for_backward
        ]
        return lines

    def parameter_slices(self) -> list[str]:
        """The rows of the elementwise parameters, the same at every step."""
        return [
            f"{self.now(p)} = {self.whole(p)}[batch_start * {self.width(p)} : batch_stop * {self.width(p)}]"
            for p in self.schedule.parameters
        ]


def _slice(name: str, whole: str, width: str, skip: str = "") -> str:
    return f"{name} = {whole}[at_{width}{skip} : at_{width}{skip} + rows * {width}]"


def indented(lines: list[str], levels: int) -> list[str]:
    """The lines, so many levels deeper."""
    return ["    " * levels + line if line else line for line in lines]
