"""The loop back through time.

`h_gradients` holds, step by step, the gradient with respect to h: it starts as what the loss hands to every output, and
the loop adds what reaches it through the later steps. It ends as the total derivative, which is the gradient profile.
"""

from rnnbench.backends.fused.expressions import Expressions, without_brackets
from rnnbench.backends.fused.layout import Layout, indented
from rnnbench.backends.fused.operations import COMPARISONS, OPERATIONS


def backward_lines(layout: Layout) -> list[str]:
    """The body of the backward function."""
    return _Backward(layout).lines()


class _Backward:
    """Writes the phases in reverse, and knows which gradient buffers already hold something."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.plan = layout.plan
        self.nodes = layout.plan.graph.nodes
        self.begun: set[str] = {self._gradient(p) for p, node in enumerate(self.nodes) if self._is_output_state(p)}
        self.scratch: dict[str, str] = {}
        self.reached: list[int] = []

    def _is_output_state(self, position: int) -> bool:
        return self.nodes[position].operation == "state" and self.nodes[position].index == 0

    def lines(self) -> list[str]:
        step = ["row = step * batch + first", *self.layout.step_slices(), *self._gradient_slices()]
        body: list[str] = []
        for phase in range(max(self.plan.phases) + 1):
            for width in self.layout.width_names:
                body += self._loop(phase, width)
            body += self._products(phase)
        body += self._untouched_states()
        begins = [
            f"{self._gradient(p)} = {self._gradient(p)}_chunk[at * {self.layout.width(p)}"
            f" : (at + rows) * {self.layout.width(p)}]"
            for p in self.reached
        ]
        begins = ["at = (step - begin) * rows", *begins]
        chunk = [
            "begin = max(stop - chunk, 0)",
            "for step in range(stop - 1, begin - 1, -1):",
            *indented([*step, *begins, *body], 1),
            *self._weight_gradients(),
            "stop = begin",
        ]
        return indented([*self._preparation(), "stop = steps", "while stop > 0:", *indented(chunk, 1)], 1)

    def _preparation(self) -> list[str]:
        lines = ["rows = last - first"]
        lines += [f"zeros_{width} = np.zeros({width}, real)" for width in self.layout.width_names.values()]
        lines += [f"{name} = np.empty(rows * {width}, real)" for name, width in self.scratch.items()]
        for total in self.reached:
            width = self.layout.width(total)
            lines.append(f"{self._gradient(total)}_chunk = np.empty(chunk * rows * {width}, real)")
        for linear in (linear for total in self.reached for linear in self.nodes[total].operands):
            name, columns = self.layout.name(linear), self.layout.width(self.plan.source(linear))
            lines.append(f"{name}_strips = packed({name}_weight, {self.layout.width(linear)}, {columns})")
        lines += self.layout.parameter_slices()
        for p in self.plan.parameters:
            width = self.layout.width(p)
            lines.append(f"{self._gradient(p)} = {self.layout.name(p)}_gradients[first * {width} : last * {width}]")
            self.begun.add(self._gradient(p))
        return lines

    def _gradient_slices(self) -> list[str]:
        lines = []
        for name in self.plan.state_names:
            for when, skip in [("now", ""), ("next", " + batch * hidden")]:
                part = f"at_hidden{skip} : at_hidden{skip} + rows * hidden"
                lines.append(f"{name}_{when}_gradient = {name}_gradients[{part}]")
        inputs = next(self.layout.width(p) for p, node in enumerate(self.nodes) if node.operation == "input")
        end = f"at_{inputs} + rows * {inputs}"
        return [*lines, f"input_now_gradient = input_gradients[at_{inputs} : {end}]"]

    def _gradient(self, position: int) -> str:
        """The buffer in which the gradient of a leaf, a sum or a value of an earlier phase gathers at this step."""
        return (
            f"{self.layout.now(position)}_gradient"
            if self._is_leaf(position)
            else f"{self.layout.name(position)}_gradient_now"
        )

    def _is_leaf(self, position: int) -> bool:
        return self.nodes[position].operation in ("input", "state", "parameter")

    def _loop(self, phase: int, width: int) -> list[str]:
        return _Loop(self, phase, width).lines()

    def _products(self, phase: int) -> list[str]:
        """What the sums of a phase hand on to what their products read."""
        lines = []
        for total in self.reached:
            if self.plan.phases[total] != phase:
                continue
            for linear in self.nodes[total].operands:
                source = self.plan.source(linear)
                line = self._product_to(source, total, linear)
                if self.nodes[source].operation == "input":
                    lines += ["if wants_input:", f"    {line}"]
                else:
                    lines.append(line)
        return lines

    def _product_to(self, source: int, total: int, linear: int) -> str:
        target, columns = self._gradient(source), self.layout.width(source)
        function, start = "product_onto", ""
        if target not in self.begun:
            function, start = "product", f"zeros_{columns}, "
            self.begin(source)
        weight = f"{self.layout.name(linear)}_strips"
        depth = self.layout.width(total)
        return f"{function}({self._gradient(total)}, {weight}, {start}{target}, rows, {depth}, {columns})"

    def begin(self, position: int) -> None:
        """Note that a gradient buffer holds something from here on."""
        self.begun.add(self._gradient(position))
        if not self._is_leaf(position):
            self.scratch[self._gradient(position)] = self.layout.width(position)

    def _untouched_states(self) -> list[str]:
        """A state that the step does not read has no gradient but the one it starts with."""
        states = [p for p, node in enumerate(self.nodes) if node.operation == "state"]
        lines = [f"{self._gradient(p)}[:] = real(0)" for p in states if self._gradient(p) not in self.begun]
        inputs = next(p for p, node in enumerate(self.nodes) if node.operation == "input")
        if self._gradient(inputs) not in self.begun:
            lines += ["if wants_input:", f"    {self._gradient(inputs)}[:] = real(0)"]
        return lines

    def _weight_gradients(self) -> list[str]:
        lines = []
        for total in self.reached:
            gradient, features = f"{self._gradient(total)}_chunk", self.layout.width(total)
            for linear in self.nodes[total].operands:
                source = self.plan.source(linear)
                columns = self.layout.width(source)
                read = f"{self._sequence_of(source)}[(begin * batch + first{self._shift(source)}) * {columns} :]"
                lines += [
                    "outer_product_onto(",
                    f"    {gradient}, {read}, {self.layout.name(linear)}_gradient,",
                    f"    stop - begin, batch, rows, {features}, {columns},",
                    ")",
                ]
            bias = f"{self.layout.name(total)}_bias_gradient"
            lines.append(f"sum_onto({gradient}, {bias}, (stop - begin) * rows, {features})")
        return lines

    def _sequence_of(self, position: int) -> str:
        return self.layout.whole(position)

    def _shift(self, position: int) -> str:
        """An output lies one step later in its buffer, behind the initial state."""
        return " + batch" if position in self.plan.graph.outputs else ""


class _Loop:
    """One elementwise loop of the way back: the gradients of the nodes of one phase and width."""

    def __init__(self, backward: _Backward, phase: int, width: int) -> None:
        self.backward = backward
        self.layout, self.plan, self.nodes = backward.layout, backward.plan, backward.nodes
        self.phase, self.width = phase, width
        self.expressions = Expressions(self.layout, self.layout.lies_in_sequence)
        self.gathered: dict[int, list[str]] = {}
        self.stores: list[str] = []

    def lines(self) -> list[str]:
        for position in reversed(range(len(self.nodes))):
            node = self.nodes[position]
            here = self.plan.phases[position] == self.phase and node.width == self.width
            if here and (node.operation in OPERATIONS or node.operation == "sum"):
                self._visit(position)
        for position in [p for p in self.gathered if not self._is_here(p)]:
            self._hand_on(position)
        if not self.stores:
            return []
        head = f"for k in range(rows * {self.layout.width_names[self.width]}):"
        return [head, *indented([*self.expressions.lines, *self.stores], 1)]

    def _is_here(self, position: int) -> bool:
        return self.plan.phases[position] == self.phase and not self.backward._is_leaf(position)

    def _visit(self, position: int) -> None:
        """The gradient of a node, now whole, and what it adds to its operands'."""
        terms = self._arrived(position) + self.gathered.pop(position, [])
        if not terms:
            return
        node, name = self.nodes[position], f"{self.layout.name(position)}_gradient"
        if node.operation == "sum":
            self.backward.reached.append(position)
            self.stores.append(f"{self.backward._gradient(position)}[k] = flushed({without_brackets(_added(terms))})")
            return
        self.expressions.lines.append(f"{name} = {without_brackets(_added(terms))}")
        operation = OPERATIONS[node.operation]
        for operand, template in zip(node.operands, operation.gradients, strict=True):
            if template is not None and self._has_gradient(operand):
                self.gathered.setdefault(operand, []).append(self._filled(template, position, name))

    def _arrived(self, position: int) -> list[str]:
        """What later steps and phases have left for a node."""
        terms = []
        if position in self.plan.graph.outputs:
            terms.append(f"{self.layout.now(position)}_gradient[k]")
        if self.backward._gradient(position) in self.backward.begun:
            terms.append(f"{self.backward._gradient(position)}[k]")
        return terms

    def _has_gradient(self, position: int) -> bool:
        return self.nodes[position].operation not in COMPARISONS | {"constant"}

    def _filled(self, template: str, position: int, gradient: str) -> str:
        operands = [
            self.expressions.value(operand) if f"{{{index}}}" in template else ""
            for index, operand in enumerate(self.nodes[position].operands)
        ]
        value = self.expressions.value(position) if "{y}" in template else ""
        return template.format(*operands, g=gradient, y=value)

    def _hand_on(self, position: int) -> None:
        """Leave what was gathered for a leaf or for a node of an earlier phase in its buffer."""
        buffer = f"{self.backward._gradient(position)}[k]"
        terms = self.gathered[position]
        if self.backward._gradient(position) in self.backward.begun or self.nodes[position].operation == "parameter":
            terms = [buffer, *terms]
        self.backward.begin(position)
        self.stores.append(f"{buffer} = flushed({without_brackets(_added(terms))})")


def _added(terms: list[str]) -> str:
    return " + ".join(terms)
