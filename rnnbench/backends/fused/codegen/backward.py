"""The loop back through time.

`h_gradients` holds, step by step, the gradient with respect to h: it starts as what the loss hands to every output, and
the loop adds what reaches it through the later steps. It ends as the total derivative, which is the gradient profile.
"""

from rnnbench.backends.fused.codegen.elementwise_gradients import ElementwiseGradients
from rnnbench.backends.fused.codegen.gradient_buffers import GradientBuffers
from rnnbench.backends.fused.codegen.layout import Layout, indented


def backward_lines(layout: Layout) -> list[str]:
    """The body of the backward function."""
    return _Backward(layout).lines()


class _Backward:
    """Writes the phases in reverse."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.schedule = layout.schedule
        self.nodes = layout.schedule.graph.nodes
        self.buffers = GradientBuffers(layout)

    def lines(self) -> list[str]:
        step = ["row = step * batch + batch_start", *self.layout.step_slices(), *self._gradient_slices()]
        body: list[str] = []
        for phase in range(max(self.schedule.phases) + 1):
            for width in self.layout.width_names:
                body += ElementwiseGradients(self.buffers, phase, width).lines()
            body += self._products(phase)
        body += self._untouched_states()
        begins = ["at = (step - begin) * rows"]
        begins += [
            f"{self.buffers.name(p)} = {self.buffers.name(p)}_chunk[at * {self.layout.width(p)}"
            f" : (at + rows) * {self.layout.width(p)}]"
            for p in self.buffers.reached
        ]
        chunk = [
            "begin = max(stop - chunk, 0)",
            "for step in range(stop - 1, begin - 1, -1):",
            *indented([*step, *begins, *body], 1),
            *self._weight_gradients(),
            "stop = begin",
        ]
        return indented([*self._preparation(), "stop = steps", "while stop > 0:", *indented(chunk, 1)], 1)

    def _preparation(self) -> list[str]:
        lines = ["rows = batch_stop - batch_start"]
        lines += [f"zeros_{width} = np.zeros({width}, real)" for width in self.layout.width_names.values()]
        lines += [f"{name} = np.empty(rows * {width}, real)" for name, width in self.buffers.scratch.items()]
        for total in self.buffers.reached:
            width = self.layout.width(total)
            lines.append(f"{self.buffers.name(total)}_chunk = np.empty(chunk * rows * {width}, real)")
        for linear in (linear for total in self.buffers.reached for linear in self.nodes[total].operands):
            name, columns = self.layout.name(linear), self.layout.width(self.schedule.source(linear))
            lines.append(f"{name}_packed = pack({name}_weight, {self.layout.width(linear)}, {columns})")
        lines += self.layout.parameter_slices()
        for p in self.schedule.parameters:
            width = self.layout.width(p)
            gradients = f"{self.layout.name(p)}_gradients[batch_start * {width} : batch_stop * {width}]"
            lines.append(f"{self.buffers.name(p)} = {gradients}")
        return lines

    def _gradient_slices(self) -> list[str]:
        lines = []
        for name in self.schedule.state_names:
            for when, skip in [("now", ""), ("next", " + batch * hidden")]:
                part = f"at_hidden{skip} : at_hidden{skip} + rows * hidden"
                lines.append(f"{name}_{when}_gradient = {name}_gradients[{part}]")
        inputs = next(self.layout.width(p) for p, node in enumerate(self.nodes) if node.operation == "input")
        end = f"at_{inputs} + rows * {inputs}"
        return [*lines, f"input_now_gradient = input_gradients[at_{inputs} : {end}]"]

    def _products(self, phase: int) -> list[str]:
        """What the sums of a phase hand on to what their products read."""
        lines = []
        for total in self.buffers.reached:
            if self.schedule.phases[total] != phase:
                continue
            for linear in self.nodes[total].operands:
                source = self.schedule.source(linear)
                line = self._product_to(source, total, linear)
                if self.nodes[source].operation == "input":
                    lines += ["if wants_input:", f"    {line}"]
                else:
                    lines.append(line)
        return lines

    def _product_to(self, source: int, total: int, linear: int) -> str:
        target, columns = self.buffers.name(source), self.layout.width(source)
        function, start = "matmul_accumulate", ""
        if not self.buffers.holds(source):
            function, start = "matmul", f"zeros_{columns}, "
            self.buffers.begin(source)
        weight = f"{self.layout.name(linear)}_packed"
        depth = self.layout.width(total)
        return f"{function}({self.buffers.name(total)}, {weight}, {start}{target}, rows, {depth}, {columns})"

    def _untouched_states(self) -> list[str]:
        """A state that the step does not read has no gradient but the one it starts with."""
        states = [p for p, node in enumerate(self.nodes) if node.operation == "state"]
        lines = [f"{self.buffers.name(p)}[:] = real(0)" for p in states if not self.buffers.holds(p)]
        inputs = next(p for p, node in enumerate(self.nodes) if node.operation == "input")
        if not self.buffers.holds(inputs):
            lines += ["if wants_input:", f"    {self.buffers.name(inputs)}[:] = real(0)"]
        return lines

    def _weight_gradients(self) -> list[str]:
        lines = []
        for total in self.buffers.reached:
            gradient, features = f"{self.buffers.name(total)}_chunk", self.layout.width(total)
            for linear in self.nodes[total].operands:
                source = self.schedule.source(linear)
                columns = self.layout.width(source)
                read = f"{self.layout.whole(source)}[(begin * batch + batch_start{self._shift(source)}) * {columns} :]"
                lines += [
                    "outer_product_accumulate(",
                    f"    {gradient}, {read}, {self.layout.name(linear)}_gradient,",
                    f"    stop - begin, batch, rows, {features}, {columns},",
                    ")",
                ]
            bias = f"{self.layout.name(total)}_bias_gradient"
            lines.append(f"sum_accumulate({gradient}, {bias}, (stop - begin) * rows, {features})")
        return lines

    def _shift(self, position: int) -> str:
        """An output lies one step later in its buffer, behind the initial state."""
        return " + batch" if position in self.schedule.graph.outputs else ""
