"""Speed: a cell's forward and backward pass by each implementation, and what the harness adds to a training step.

- `implementations`: the implementations of one cell, and their times, interleaved in one process
- `torch_mm_baseline`: the cell's matrix products alone
- `peak`: the rate of large matrix products, and the fraction of it that a pass reaches
- `lax_scan`: the same cell in JAX
- `speed`: the probe that measures them in a run (`probe=[speed]`)
- `bench`: the table of fixed cells and sizes
- `overhead`: the harness's training step against a plain script

`make bench`, or `python -m rnnbench.timing`, prints the last two.
"""
