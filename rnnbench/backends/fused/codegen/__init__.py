"""The code generator: from a `Schedule` to a `generate.Program`, the source of the two loops.

- `names` gives every value a name, the user's where it is free.
- `layout` names the buffers: which arrays the loops take, and where a step's rows lie in them.
- `expressions` writes the values of nodes inside a loop over batch and features.
- `loops` writes these loops and the matrix products between them, for both passes.
- `forward` and `backward` write the loops over time around them, with the code before and after.
- `generate` puts the two functions together.
"""
