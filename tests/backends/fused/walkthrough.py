"""The cell that docs/fused.md follows through the stages of its compilation, and the page's blocks made from it.

`python tests/backends/fused/walkthrough.py` writes the blocks into the page anew; a test compares the two.
"""

import inspect
import re
import textwrap
from pathlib import Path

import torch
from torch import Tensor

from rnnbench.backends import Fused
from rnnbench.backends.fused.codegen.generate import generate
from rnnbench.backends.fused.frontend.trace import trace
from rnnbench.backends.fused.ir.gather import gather_products
from rnnbench.backends.fused.ir.listing import graph_listing, schedule_listing
from rnnbench.backends.fused.ir.schedule import make_schedule
from rnnbench.backends.fused.kernels import matmul
from rnnbench.backends.fused.runtime.batch_threads import batch_ranges
from rnnbench.backends.fused.runtime.binding import Binding
from rnnbench.backends.fused.runtime.buffers import Activations, Gradients
from rnnbench.cells import Cell, State

PAGE = Path(__file__).parents[3] / "docs" / "fused.md"
BLOCK = re.compile(r"<!-- (?P<name>[a-z ]+) -->\n```(?P<language>\w+)\n(?P<text>.*?)\n```", re.DOTALL)


class Gated(Cell):
    """A gate, and a product that waits for it."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.W, self.U, self.V = self.input_map(), self.recurrent_map(), self.recurrent_map()

    def step(self, x: Tensor, state: State) -> State:
        (h,) = state
        z = torch.sigmoid(self.W(x) + self.U(h))
        return (h + torch.tanh(self.V(z * h)),)


def blocks() -> dict[str, str]:
    """The text of every block, by name."""
    cell = Gated(10, 128)
    traced = trace(cell).graph
    gathered = gather_products(traced)
    program = generate(make_schedule(traced, cell.state_names), "float32")
    _, forward, backward = program.source.rstrip().split("\n\n\n")
    return {
        "step": textwrap.dedent(inspect.getsource(Gated.step)).rstrip(),
        "traced graph": graph_listing(traced),
        "gathered graph": graph_listing(gathered),
        "adjoint graph": graph_listing(program.schedule.graph, start=len(gathered.nodes)),
        "schedule": schedule_listing(program.schedule),
        "forward loop": forward,
        "backward loop": backward,
        "kernel": inspect.getsource(matmul.matmul_accumulate.py_func).rstrip(),
        "binding": bound_arrays(Binding(program, trace(cell).derived, cell), cell, steps=100, batch=20),
        "run": run_twice(cell, steps=100, batch=64),
    }


def bound_arrays(binding: Binding, cell: Cell, steps: int, batch: int) -> str:
    """The arguments of the backward loop, and how many numbers each holds."""
    inputs = torch.zeros(steps, batch, binding.input_size)
    arrays = {("input", 0): inputs.numpy(), **Activations(binding, steps, batch).arrays}
    arrays |= binding.arrays(binding.tensors(cell), batch)
    arrays |= Gradients(binding, inputs, wants_input=True, threads=1).arrays(0)
    arguments = zip(binding.program.backward, binding.backward_keys, strict=True)
    return "\n".join(f"{argument.name:24} {argument.role:16} {arrays[key].size:>7}" for argument, key in arguments)


def run_twice(cell: Cell, steps: int, batch: int) -> str:
    """What a run returns, and how the batch is divided, with one thread and with two."""
    work = steps * batch * sum(parameter.numel() for parameter in cell.parameters() if parameter.dim() == 2)
    lines = []
    for threads in (1, 2):
        outputs, (h,) = Fused(threads).run(cell, torch.zeros(steps, batch, 10), cell.initial_state(batch))
        shapes = f"outputs {tuple(outputs.shape)}, h {tuple(h.shape)}, {type(outputs.grad_fn).__name__}"
        lines.append(f"threads={threads}: {shapes}, examples {batch_ranges(batch, work, threads)}")
    return "\n".join(lines)


def displayed(page: str) -> dict[str, str]:
    """The blocks that the page shows, by name."""
    return {match["name"]: match["text"] for match in BLOCK.finditer(page)}


def rewritten(page: str) -> str:
    """The page with every block made anew."""
    made = blocks()
    return BLOCK.sub(
        lambda match: f"<!-- {match['name']} -->\n```{match['language']}\n{made[match['name']]}\n```", page
    )


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
