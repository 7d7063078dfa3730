"""A random search on made losses: shares known from the formula that made them, and the trials that are compared."""

import numpy as np
import pandas as pd
import pytest

from rnnbench.analysis.published import published_numbers
from rnnbench.analysis.random_search import SEARCHED, best_tenth, random_search, share_interval, variance_shares
from rnnbench.errors import SettingError

RATE, WIDTH = SEARCHED


def trials(
    by_rate: float, by_width: float, noise: float = 0.0, variant: str = "vanilla", count: int = 60
) -> pd.DataFrame:
    """Losses exp(a x + b y + noise), x and y the settings' logarithms scaled to -1 to 1."""
    random = np.random.default_rng(1)
    x, y = random.uniform(-1, 1, (2, count))
    losses = np.exp(by_rate * x + by_width * y + noise * random.normal(size=count))
    settings = {RATE: 10 ** (-2.5 + 1.5 * x), WIDTH: 40 * 2.4**y}
    return pd.DataFrame({"task": "adding", "cell.variant": variant, "validation_loss": losses, "test_loss": losses,
                         "status": "done", "seed": range(count), **settings})  # fmt: skip


def shares(runs: pd.DataFrame) -> dict[str, float]:
    return variance_shares(runs["validation_loss"].to_numpy(), {name: runs[name].to_numpy() for name in SEARCHED})


def test_shares_of_a_sum_are_those_of_its_squares() -> None:
    found = shares(trials(2, 1))  # the ranges drawn are not quite -1 to 1
    assert (found[RATE], found[WIDTH]) == pytest.approx((0.8, 0.2), abs=0.02)
    assert found["interaction"] == pytest.approx(0, abs=1e-9)


def test_an_interaction_is_neither_of_the_two() -> None:
    runs = trials(0, 0)
    x, y = (np.log(runs[name]) - (np.log(runs[name].max()) + np.log(runs[name].min())) / 2 for name in SEARCHED)
    assert shares(runs.assign(validation_loss=np.exp(x * y)))["interaction"] == pytest.approx(1)


def test_what_cannot_be_fitted_is_named() -> None:
    with pytest.raises(SettingError, match="at least 20 trials of one cell and task; there are 19"):
        shares(trials(1, 1, count=19))
    with pytest.raises(SettingError, match=f"{RATE}: the trials do not differ in it"):
        shares(trials(1, 1).assign(**{RATE: 0.1}))


def test_a_diverged_trial_has_the_largest_loss() -> None:
    runs = trials(1, 0)
    smallest = runs["validation_loss"].nsmallest(7).index
    lost = runs.assign(validation_loss=runs["validation_loss"].mask(runs.index == smallest[0]))
    assert list(best_tenth(lost).index) == list(smallest[1:])
    assert share_interval(lost, SEARCHED, RATE, np.random.default_rng(0)).high < 1 + 1e-9


def test_rows_and_published_statements() -> None:
    worse = trials(3, 0.3, 0.1, "nfg").assign(test_loss=lambda made: 50 * made["test_loss"])
    runs = pd.concat([worse, trials(3, 0.3, 0.1), trials(0.3, 3, 0.1, "np")], ignore_index=True)
    table = random_search(runs, np.random.default_rng(0)).set_index("cell_variant")
    assert list(table["trials"]) == [60] * 3
    assert list(table.index) == ["vanilla", "nfg", "np"]
    assert np.isnan(table["p"]["vanilla"])
    with pytest.raises(SettingError, match="against=fgr: no trial of adding is of this variant"):
        random_search(runs, np.random.default_rng(0), "fgr")
    assert table["p"]["nfg"] < 1e-6
    assert table["rate_share"]["vanilla"].low > 0.9 > 0.1 > table["rate_share"]["np"].high
    numbers = [
        {"of": {"cell.variant": "vanilla"}, "than": {"cell.variant": "nfg"}, "best": True, "column": "test_loss",
         "published": "less"},
        *({"of": {"cell.variant": name}, "share": share, "published": "more than"}
          for name, share in (("vanilla", 0.667), ("np", 0.667), ("vanilla", 0.98))),
    ]  # fmt: skip
    found = published_numbers(runs, [{"where": "", "what": "", **number} for number in numbers])
    assert list(found["agree"])[:3] == ["yes", "yes", "no"]
    assert found["runs"][0] == "6 v 6"
    assert list(found["published"])[1] == "more than 0.667"
