"""The loop of the forward pass."""

from rnnbench.backends.fused.codegen.layout import Layout, indented
from rnnbench.backends.fused.codegen.loops import work_lines


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
