"""Copy memory: hold ten symbols over a delay and repeat them on a cue.

The input shows 10 symbols, each one of 8, then length - 1 blanks, a cue, and 10 more blanks: length + 20 steps in all.
The target is blank until the last 10 steps, which repeat the 10 symbols in order. The loss is the cross-entropy in nats
averaged over all length + 20 steps. It is noiseless memorization at another size.

Source: Arjovsky, Shah & Bengio (2016), after Hochreiter & Schmidhuber (1997). Shapes: inputs (length + 20, batch, 10)
one-hot, with blank 0, symbols 1 to 8, cue 9; targets (length + 20, batch) among 9 classes, blank and the symbols. The
best constant knows when to answer and not what: 10 ln 8 / (length + 20). Others differ: S4's code scores the ten
recall steps only (baseline ln 8), JANET's has one step more, the TCN's feeds the symbols as raw numbers.

Solved: fewer than 1% of fresh sequences have a wrong symbol among the ten recalled, the criterion of Martens &
Sutskever (2011) for noiseless memorization.
"""

from rnnbench.tasks.noiseless_memorization import NoiselessMemorization


class CopyMemory(NoiselessMemorization):
    """Copy memory with a delay of `length` steps, the difficulty."""

    def __init__(self, length: int = 100) -> None:
        super().__init__(length, symbols=10, alphabet=8)
