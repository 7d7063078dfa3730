"""The loops over time of the forward and the backward pass.

Backward, `h_gradients` holds, step by step, the gradient with respect to h. It starts as the loss's own gradient with
respect to every output; the loop adds the gradient through the later steps. It ends as the total derivative, which the
gradient profile reads.
"""

from rnnbench.backends.fused.codegen.layout import Layout, indented
from rnnbench.backends.fused.codegen.loops import work_lines
from rnnbench.backends.fused.ir.nodes import Gradient, Input, Leaf, LinearGradient, State, StoredGradient


def forward_lines(layout: Layout) -> list[str]:
    """The body of the forward function."""
    schedule = layout.schedule
    lines = ["rows = batch_stop - batch_start"]
    for total in schedule.preactivations:
        if total not in schedule.saved_for_backward:
            lines.append(f"{layout.now(total)} = np.empty(rows * {layout.width(total)}, real)")
    for linear in schedule.linears:
        source, name = schedule.source(linear), layout.names[linear]
        sizes = f"{layout.width(source)}, {layout.width(linear)}"
        lines.append(f"{name}_packed = pack_transpose({name}_weight, {sizes})")
    lines += [*layout.parameter_slices(), "for step in range(steps):"]
    step = ["row = step * batch + batch_start", *layout.step_slices(), *work_lines(layout, schedule.forward, set())]
    return indented([*lines, *indented(step, 1)], 1)


def backward_lines(layout: Layout) -> list[str]:
    """The body of the backward function."""
    schedule = layout.schedule
    step = ["row = step * batch + batch_start", *layout.step_slices(), *layout.gradient_slices()]
    step += ["at = (step - start) * rows", *_chunk_slices(layout)]
    saved = {*schedule.saved_for_backward, *schedule.graph.outputs}
    step += [*work_lines(layout, schedule.backward, saved), *_untouched(layout)]
    chunk = [
        "start = max(stop - chunk, 0)",
        "for step in range(stop - 1, start - 1, -1):",
        *indented(step, 1),
        *_weight_gradients(layout),
        "stop = start",
    ]
    return indented([*_preparation(layout), "stop = steps", "while stop > 0:", *indented(chunk, 1)], 1)


def _reached(layout: Layout) -> list[int]:
    """The Preactivations of Linears with a gradient, in the order of the backward pass."""
    gradients, sums = layout.graph.gradients.items(), layout.schedule.linear_sums
    reached = [(gradient, position) for position, gradient in gradients if position in sums]
    return [position for _, position in sorted(reached)]


def _preparation(layout: Layout) -> list[str]:
    lines = ["rows = batch_stop - batch_start"]
    lines += [f"zeros_{width} = np.zeros({width}, real)" for width in layout.width_names.values()]
    lines += [f"{name} = np.empty(rows * {width}, real)" for name, width in _buffers_of_a_step(layout).items()]
    reached = _reached(layout)
    for total in reached:
        lines.append(f"{layout.gradient(total)}_chunk = np.empty(chunk * rows * {layout.width(total)}, real)")
    for linear in (linear for total in reached for linear in layout.schedule.linears_of(total)):
        name, columns = layout.names[linear], layout.width(layout.schedule.source(linear))
        lines.append(f"{name}_packed = pack({name}_weight, {layout.width(linear)}, {columns})")
    lines += layout.parameter_slices()
    for p in layout.schedule.parameters:
        width = layout.width(p)
        part = f"batch_start * {width} : batch_stop * {width}"
        lines.append(f"{layout.gradient(p)} = {layout.names[p]}_gradients[{part}]")
    return lines


def _buffers_of_a_step(layout: Layout) -> dict[str, str]:
    """The gradients that one phase passes to another, with the names of their widths."""
    nodes = layout.graph.nodes
    written = [layout.graph.at(p, Gradient).of for p in layout.graph.positions(StoredGradient, LinearGradient)]
    sums = layout.schedule.linear_sums  # those gather for a chunk of steps
    between = [p for p in written if not isinstance(nodes[p], Leaf) and p not in sums]
    return {layout.gradient(p): layout.width(p) for p in between}


def _chunk_slices(layout: Layout) -> list[str]:
    """The gradients of Preactivations at this step."""
    lines = []
    for total in _reached(layout):
        name, width = layout.gradient(total), layout.width(total)
        lines.append(f"{name} = {name}_chunk[at * {width} : (at + rows) * {width}]")
    return lines


def _untouched(layout: Layout) -> list[str]:
    """A state or input that the step does not read has no gradient but the one it starts with."""
    graph = layout.graph
    states = [p for p in graph.positions(State) if p not in graph.gradients and graph.at(p, State).index]
    lines = [f"{layout.gradient(p)}[:] = real(0)" for p in states]
    for p in graph.positions(Input):
        if p not in graph.gradients:
            lines += ["if wants_input:", f"    {layout.gradient(p)}[:] = real(0)"]
    return lines


def _weight_gradients(layout: Layout) -> list[str]:
    lines = []
    for total in _reached(layout):
        gradient, features = f"{layout.gradient(total)}_chunk", layout.width(total)
        for linear in layout.schedule.linears_of(total):
            source = layout.schedule.source(linear)
            columns = layout.width(source)
            # an output lies one step later in its buffer, behind the initial state
            shift = " + batch" if source in layout.graph.outputs else ""
            read = f"{layout.whole(source)}[(start * batch + batch_start{shift}) * {columns} :]"
            lines += [
                "outer_product_accumulate(",
                f"    {gradient}, {read}, {layout.names[linear]}_gradient,",
                f"    stop - start, batch, rows, {features}, {columns},",
                ")",
            ]
        bias = f"{layout.names[total]}_bias_gradient"
        lines.append(f"sum_accumulate({gradient}, {bias}, (stop - start) * rows, {features})")
    return lines
