"""A stored gradient profile is read as the norm over the whole state, or refused."""

import numpy as np
import pytest

from rnnbench.analysis.gradient_profile import joint_norms, top_layer_norms
from tests.claims.made_claims import made

NORM = np.arange(24.0).reshape(2, 3, 4)
"""Two probed steps, three layers, four time steps."""


def test_the_joint_norm_is_read_as_it_is() -> None:
    assert np.array_equal(joint_norms({"norm": NORM}), NORM)


def test_the_norm_of_a_single_state_tensor_is_the_joint_one() -> None:
    assert np.array_equal(joint_norms({"norm": NORM[:, :, None]}), NORM)


@pytest.mark.parametrize("norm", [np.stack([NORM, NORM], axis=2), NORM[0], np.zeros(())])
def test_other_norms_are_refused(norm: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
    with pytest.raises(ValueError, match=r"must be \(probed, layer, time_step\)"):
        joint_norms({"norm": norm})


def test_a_profile_without_a_norm_is_refused() -> None:
    with pytest.raises(ValueError, match="needs gradient profiles"):
        joint_norms({"step": NORM})


def test_the_top_layer_of_a_run() -> None:
    results = made()
    run = results.runs["run"].iloc[0]
    norms = joint_norms(results.probe(run, "gradient_profile"))
    for probed in (0, -1):
        found = top_layer_norms(results, run, probed)
        assert found is not None
        assert np.array_equal(found, norms[probed, -1])
