"""The loop forward through time."""

from rnnbench.backends.fused.codegen.expressions import Expressions
from rnnbench.backends.fused.codegen.layout import Layout, indented


def forward_lines(layout: Layout) -> list[str]:
    """The body of the forward function."""
    schedule = layout.schedule
    lines = ["rows = batch_stop - batch_start"]
    for total in schedule.preactivations:
        if total not in schedule.saved_for_backward:
            lines.append(f"{layout.now(total)} = np.empty(rows * {layout.width(total)}, real)")
    for linear in schedule.linears:
        source, name = schedule.source(linear), layout.name(linear)
        sizes = f"{layout.width(source)}, {layout.width(linear)}"
        lines.append(f"{name}_packed = pack_transpose({name}_weight, {sizes})")
    lines += [*layout.parameter_slices(), "for step in range(steps):"]
    step = ["row = step * batch + batch_start", *layout.step_slices()]
    for phase in reversed(range(max(schedule.phases) + 1)):
        step += _products(layout, phase)
        for width in layout.width_names:
            step += _loop(layout, phase, width)
    return indented([*lines, *indented(step, 1)], 1)


def _products(layout: Layout, phase: int) -> list[str]:
    """The products of the sums that this phase is the first to read."""
    lines = []
    for total in layout.schedule.preactivations:
        if layout.schedule.phases[total] != phase:
            continue
        out, columns = layout.now(total), layout.width(total)
        for place, linear in enumerate(layout.node(total).operands):
            source = layout.schedule.source(linear)
            function = "matmul_accumulate" if place else "matmul"
            start = "" if place else f"{layout.name(total)}_bias, "
            lines.append(
                f"{function}({layout.now(source)}, {layout.name(linear)}_packed, {start}{out},"
                f" rows, {layout.width(source)}, {columns})"
            )
    return lines


def _loop(layout: Layout, phase: int, width: int) -> list[str]:
    """The loop that makes what is to be kept of a phase."""
    schedule = layout.schedule

    def is_at_hand(position: int) -> bool:
        return layout.lies_in_sequence(position) and schedule.phases[position] > phase

    expressions = Expressions(layout, is_at_hand)
    stores = []
    for position, node in enumerate(schedule.graph.nodes):
        kept = layout.lies_in_sequence(position) and node.operation != "sum"
        if kept and node.width == width and schedule.phases[position] == phase:
            stores.append(f"{layout.now(position)}[k] = {expressions.value(position)}")
    if not stores:
        return []
    head = f"for k in range(rows * {layout.width_names[width]}):"
    return [head, *indented([*expressions.lines, *stores], 1)]
