"""The frontend of the compiler: from a cell to the graph of its `step` (`ir.graph.Graph`).

- `trace` has `step` recorded twice, on different random examples: what differs is refused.
- `record` runs `step` on real tensors and keeps every function of torch that it calls, as nodes of torch.fx.
- `lower` turns these nodes into ours, or raises UnsupportedStepError at the first that has no counterpart, or whose
  shape or type is not that of the tensor that torch computed.
- `lowerings` is the table of what a `step` may call, and the operations that it becomes. It joins those of `products`
  (with matrices of the cell), `parts` (chunk, split, cat, shapes), `activations` (of torch.nn.functional), `reductions`
  (sums and norms over features) and `noise` (dropout, rand_like).
- `values` has what these are given: values of the step, and tensors that do not depend on its arguments.
- `invariants` evaluates what depends on the cell alone, such as parametrised weights, before the loop.
- `torch_cells` has the equations of nn.LSTMCell, nn.GRUCell and nn.RNNCell, and a convolution as a product.
- `remedies` says what to write instead of what cannot be compiled.
- `source_lines` finds the user's line for a message, and for the names of values.
- `trace_guard` notices when what a `step` can read has changed, so that it is traced again: what is `reachable` by the
  names that `names_read` finds in its code.
- `torch_private` has what all this uses of torch's private interface.
"""
