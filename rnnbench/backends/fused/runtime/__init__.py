"""From a generated program to numbers and gradients in torch: one node of autograd's graph."""
