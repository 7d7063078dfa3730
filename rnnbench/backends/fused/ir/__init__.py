"""The intermediate representation: from the graph of a traced `step` to a `schedule.Schedule`.

What a graph is made of:

- `nodes` has the types of nodes: what is given, Linears and elementwise operations, and the buffers of gradients.
- `graph` puts nodes in order and checks the widths of what they read.
- `operations` is the table of elementwise operations: how each is written, and the rules of its derivative. A new
  operation is one entry there.
- `forms` defines how an operation is printed in the generated source, with brackets only where they are needed.
- `terms` lets a rule of differentiation be written as arithmetic.

What happens to it, in this order, called by `schedule`:

- `gather` gathers the Linears that are added up in Preactivations.
- `phases` cuts the step by its matrix products: what must wait for which product.
- `differentiate` adds the adjoint nodes, by the rules of the operations.
- `simplify` eliminates common subexpressions and dead code.
- `schedule` orders loops and products, and finds what the forward pass must save for the backward pass.

`listing` shows graphs and schedules as text.
"""
