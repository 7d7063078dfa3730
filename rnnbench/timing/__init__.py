"""Speed: a cell's forward and backward pass by each implementation, and what the harness adds to a training step.

`make bench`, or `python -m rnnbench.timing`, prints the tables of `bench` and `overhead`; `probe=[speed]` measures in a
run. `implementations` lists what is timed, `lax_scan` has the same cell in JAX, `torch_mm_baseline` the cell's matrix
products alone, and `measure` times passes interleaved, with the rate of large matrix products.
"""
