"""Where gradients gather on the way back through a step, and which of these buffers already hold something."""

from rnnbench.backends.fused.codegen.layout import Layout


class GradientBuffers:
    """Names of the buffers, one for each leaf, each sum, and each value that an earlier phase reads.

    The first to write to a buffer sets it, the others add. That of h begins with what the loss hands to the outputs,
    those of the parameters with the steps that come later.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.nodes = layout.schedule.graph.nodes
        self.scratch: dict[str, str] = {}
        """Buffers of this step alone, with the names of their widths."""
        self.reached: list[int] = []
        """The sums that a gradient reaches, in the order of the way back."""
        self._begun = {self.name(p) for p, node in enumerate(self.nodes) if self._begins_full(p)}

    def _begins_full(self, position: int) -> bool:
        node = self.nodes[position]
        return node.operation == "parameter" or (node.operation == "state" and node.index == 0)

    def is_leaf(self, position: int) -> bool:
        """Whether a node is handed to the step."""
        return self.nodes[position].operation in ("input", "state", "parameter")

    def name(self, position: int) -> str:
        """The buffer of a node at this step."""
        if self.is_leaf(position):
            return f"{self.layout.now(position)}_gradient"
        return f"{self.layout.name(position)}_gradient_now"

    def holds(self, position: int) -> bool:
        """Whether something has been written to a node's buffer."""
        return self.name(position) in self._begun

    def begin(self, position: int) -> None:
        """Note that a node's buffer holds something from here on."""
        self._begun.add(self.name(position))
        if not self.is_leaf(position):
            self.scratch[self.name(position)] = self.layout.width(position)
