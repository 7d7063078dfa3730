"""Skew-symmetric matrices from the numbers above their diagonal."""

import torch
from torch import Tensor


def numbers_above(size: int) -> int:
    """How many numbers a skew-symmetric matrix of that size has above its diagonal."""
    return size * (size - 1) // 2


def skew_symmetric(above: Tensor, size: int) -> Tensor:
    """S = -S^T (size, size), with the numbers `above` its diagonal, row by row."""
    rows, columns = torch.triu_indices(size, size, 1, device=above.device)
    upper = above.new_zeros(size, size).index_put((rows, columns), above)
    return upper - upper.T
