"""A compiler from a cell's `step` to two loops over time, for cells of products, elementwise functions and norms.

In: a cell. Out: `Fused`, the backend that runs it near the hardware's limit, and `explain`, its generated source. What
becomes of one line of a GRU, `z = torch.sigmoid(self.W_z(x) + self.U_z(h))`, stage by stage (docs/fused.md follows a
whole cell, and shows what every stage makes of it):

1. `frontend`: `trace` has `step` run on random tensors and `record` keep the functions of torch that it calls, `lower`
   writes `%5 = sigmoid(%4) # z` by the table in `lowerings`, which joins those of
   `products`, `parts`, `activations`, `reductions` and `noise`, on the `values` that it knows, with the name from
   `source_lines`. `invariants` are what torch computes before the loop, `torch_cells` the equations of nn.LSTMCell and
   its like, `remedies` what messages advise. `trace_guard` notices a later change of what the step can read: what
   is `reachable` by the names that `names_read` finds in its code. `torch_private` is what all this takes from torch's
   private modules.
2. `ir`: in a `graph` of `nodes`, `gather` makes W_z(x) + U_z(h) one Preactivation and `phases` finds what must wait for
   it; `differentiate` adds z's adjoint by a rule of `operations`, g * y * (1 - y), written with `terms`; `simplify`
   keeps one 1 - z for all who read it; `schedule` puts a loop over batch and units after the two products, and saves z
   for the backward pass. `forms` and `listing` print operations and graphs.
3. `codegen`: `names`, `layout`, `expressions` and `loops` write `z = sigmoid(sum_W_z_U_z)` and `z_gradient * z *
   (real(1.0) - z)`, `forward` and `backward` the loops over time, `generate` the module of both.
4. `kernels`: the loops call the sigmoid of `vector_math`, the products of `matmul` and, for parts of a value, sums and
   concatenations, what `rows` has, compiled by way of `jit`; the products become calls of `blocked_matmul`, with
   `operands`, and those the instructions of `microkernel`.
5. `runtime`: `compile` makes machine code, `binding` finds W_z and U_z in the cell, `noise` draws the random numbers of
   a step that has some, `buffers` holds z of all steps, in memory from `memory`, `batch_threads` divides the batch, and
   `run` is a node of autograd's graph.

`backend` runs a cell through the stages and caches the result until the cell changes. `check` compares the loops with
the plain loop before they are used.
"""

from rnnbench.backends.fused.backend import Fused, explain

__all__ = ["Fused", "explain"]
