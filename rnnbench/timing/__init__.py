"""Speed: a cell's forward and backward pass by each implementation, and what the harness adds to a training step.

`make bench`, or `python -m rnnbench.timing`, prints the tables of `whole_step` and of passes; `probe=[speed]` measures
in a run. `implementations` lists what is timed, `lax_scan` has the same cell in JAX, and `measure` times passes
interleaved, among them the cell's matrix products alone, with the rate of large ones.
"""
