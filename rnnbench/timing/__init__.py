"""Speed: a cell's forward and backward passes by every backend and beside them, and what the harness adds to a step.

`passes` makes the implementations of one cell and times them interleaved; `torch_mm_baseline` is its matrix products
alone and `lax_scan` the same cell in JAX; `speed` is the probe that measures them in a run (`probe=[speed]`). `bench`
prints the table of fixed sizes and `overhead` the harness's training step against a plain script: `make bench`, or
`python -m rnnbench.timing`.
"""
