"""Losses on the logarithmic scale, against a baseline evaluated on the same data and only at equal budgets.

On the log scale a difference is a ratio: 0.3 decades is a factor of 2 whether the loss is 1e-1 or 1e-4, a bound never
is negative, and an interval says by how many times two losses may differ.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray

from rnnbench.analysis.paired import PairedTest, check_pairs, paired_test
from rnnbench.analysis.samples import as_float_array


def decades_over_baseline(losses: Float[np.ndarray, " runs"], baseline: ArrayLike) -> NDArray[np.float64]:
    """log10(loss / baseline loss) of each run: 0 is no better than the baseline, -2 a hundredth of its loss.

    `baseline` is the loss of the constant predictor, one for all runs or one each, evaluated on the very data of the
    loss: against its expected value over all data a model without memory scores better or worse by the luck of the
    draw. Losses may be inf, of a run that diverged, and so is the result: worse than anything, never dropped. Raises
    ValueError on NaN, and on a loss or a baseline that is not positive.
    """
    values = as_float_array(losses, "losses", allow_infinity=True, remedy="a run that diverged has the loss inf")
    references = as_float_array(np.broadcast_to(np.asarray(baseline), values.shape), "baseline")
    for name, array in (("losses", values), ("baseline", references)):
        if array.size and array.min() <= 0:
            raise ValueError(f"{name}={array.min():g}: must be above 0 (its logarithm is taken)")
    return np.asarray(np.log10(values) - np.log10(references))


def log_loss_difference(
    losses_a: Float[np.ndarray, " pairs"],
    losses_b: Float[np.ndarray, " pairs"],
    budgets_a: Float[np.ndarray, " pairs"],
    budgets_b: Float[np.ndarray, " pairs"],
    generator: np.random.Generator,
    logarithmic: bool = True,
) -> PairedTest:
    """The difference of log10 losses, a's minus b's, over pairs of runs that share a seed: decades, negative when a's
    loss is smaller; where not `logarithmic`, of the losses themselves.

    `budgets_*` are the steps that each run has trained (steps_trained; for a run that diverged those it was to train).
    A loss at which a run stopped says when it stopped, so unequal budgets are refused. A diverged run has the loss
    inf; where both did, the difference is 0. See `paired_test` for the interval and the tests. Raises ValueError on
    NaN, on losses that are not positive, on budgets that differ and on different numbers of values.
    """
    differences = loss_differences(losses_a, losses_b, logarithmic)
    budgets = []
    for name, given in (("budgets_a", budgets_a), ("budgets_b", budgets_b)):
        budgets.append(as_float_array(given, name, remedy="the steps that the run has trained"))
        check_pairs(differences, budgets[-1], name)
    together = np.concatenate(budgets)
    if together.size and together.min() != together.max():
        raise ValueError(
            f"budgets={together.min():g} and {together.max():g}: must be equal to compare losses "
            "(train.stop_when_solved=false, or compare steps to solve)"
        )
    return paired_test(differences, generator)


def log_loss_differences(
    losses_a: Float[np.ndarray, " pairs"], losses_b: Float[np.ndarray, " pairs"]
) -> NDArray[np.float64]:
    """log10 losses of a minus those of b, in decades: inf where a diverged, -inf where b did, 0 where both did.

    Raises ValueError on NaN, on losses that are not positive and on different numbers of values.
    """
    return loss_differences(losses_a, losses_b)


def loss_differences(
    losses_a: Float[np.ndarray, " pairs"], losses_b: Float[np.ndarray, " pairs"], logarithmic: bool = True
) -> NDArray[np.float64]:
    """The same, or where not `logarithmic` of the losses themselves, which need not be positive."""
    if logarithmic:
        a, b = decades_over_baseline(losses_a, 1.0), decades_over_baseline(losses_b, 1.0)
    else:
        a = as_float_array(losses_a, "losses_a", allow_infinity=True)
        b = as_float_array(losses_b, "losses_b", allow_infinity=True)
    check_pairs(a, b, "losses_b")
    both = np.isposinf(a) & np.isposinf(b)
    return np.asarray(np.where(both, 0, a) - np.where(both, 0, b))
