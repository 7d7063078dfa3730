"""Runtime: from a generated program to numbers and gradients in torch.

In: a program, the cell whose tensors it reads, inputs and an initial state. Out: the outputs and the final state, as
one node of autograd's graph, whose backward pass fills the gradients of all that was read. `compile` makes machine code
of a program's source and keeps it on disk. `binding` ties a program to the tensors of a cell and makes arrays of them,
and gradients of what the loops accumulate. `buffers` holds the activations and gradients of one run, in `memory` that
the next run uses again. `noise` draws random numbers as the plain loop
would. `batch_threads` splits a batch among threads. `run` calls the loops for autograd.
"""
