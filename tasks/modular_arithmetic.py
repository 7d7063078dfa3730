"""Modular arithmetic: evaluate an expression of the digits 0 to 4 with +, - and *, modulo 5.

A digit, an operator, a digit and so on, without brackets; * binds closer than + and -. The step that asks for the
answer is that of `answered_words`; symbols 0 to 4 are the digits, 5, 6 and 7 are +, - and *. An even length has one
symbol less, as in the released code, since an expression ends with a digit.

Source: Delétang et al. (2023), "modular arithmetic (simple)". The chance of each answer follows exactly from a
recursion over the operators, for the sum of the closed terms and the open term: ln 5 at length 1, a little less at
others, since a product is zero more often than anything else.
"""

from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from rnnbench.tasks.answered_words import AnsweredWords

MODULUS = 5
PLUS, MINUS, TIMES = 5, 6, 7
INPUTS = 3 * MODULUS
"""Operators with a digit each."""


class ModularArithmetic(AnsweredWords):
    """An expression of `length` symbols, or of one less where that is even; the difficulty."""

    symbols = MODULUS + 3
    output_size = MODULUS

    def __init__(self, length: int = 39) -> None:
        super().__init__(length)
        self.digits = (length + 1) // 2

    def words(self, batch_size: int, generator: torch.Generator) -> Tensor:
        digits = torch.randint(0, MODULUS, (self.digits, batch_size), generator=generator)
        operators = torch.randint(PLUS, TIMES + 1, (self.digits - 1, batch_size), generator=generator)
        word = torch.empty(2 * self.digits - 1, batch_size, dtype=torch.long)
        word[::2], word[1::2] = digits, operators
        return word

    def answers(self, words: Tensor) -> Tensor:
        state = words[0] * INPUTS
        for read in ((words[1::2] - PLUS) * MODULUS + words[2::2]).unbind():
            state = self._next.index_select(0, state + read)
        closed, term = state // (INPUTS * MODULUS), state // INPUTS % MODULUS
        return (closed + term) % MODULUS

    @cached_property
    def _next(self) -> Tensor:
        """The sum of the closed terms and the open term after an operator and a digit, for each of both before.

        The two are one number, (sum * MODULUS + term) * INPUTS, and operator and digit another below INPUTS.
        """
        residues, operators = torch.arange(MODULUS), torch.arange(PLUS, TIMES + 1)
        closed, term, operator, digit = torch.meshgrid(residues, residues, operators, residues, indexing="ij")
        opens = operator != TIMES
        closed = torch.where(opens, closed + term, closed) % MODULUS
        signed = torch.where(operator == MINUS, -digit, digit)
        term = torch.where(opens, signed, term * digit) % MODULUS
        return ((closed * MODULUS + term) * INPUTS).flatten()

    def answer_probabilities(self) -> Tensor:
        return self._answer_probabilities

    @cached_property
    def _answer_probabilities(self) -> Tensor:
        """The joint chances of the closed terms' sum and the open term, operator by operator; digits are equally
        likely."""
        values = torch.arange(MODULUS)
        sums = functional.one_hot((values.unsqueeze(1) + values) % MODULUS).double()
        times_a_digit = functional.one_hot((values.unsqueeze(1) * values) % MODULUS).double().mean(1)
        chances = torch.zeros(MODULUS, MODULUS, dtype=torch.double)
        chances[0] = 1 / MODULUS
        for _ in range(self.digits - 1):
            closed = torch.einsum("ct,cts->s", chances, sums)
            chances = (2 * closed.unsqueeze(1) / MODULUS + chances @ times_a_digit) / 3
        return torch.einsum("ct,cts->s", chances, sums)
