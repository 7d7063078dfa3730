"""The frontend of the compiler: from a cell to the graph of its `step` (`ir.graph.Graph`).

- `trace` runs `step` once on proxies of torch.fx, which record the operations on them.
- `lower` turns the nodes of torch.fx into ours, or raises UnsupportedStepError at the first that has no counterpart.
- `lowerings` is the table of what a `step` may call, and the operations that it becomes.
- `source_lines` finds the user's line for a message, and for the names of values.
- `trace_guard` notices when a cell has changed, so that its `step` is traced again.
- `torch_private` has what all this uses of torch's private interface.
"""
