"""The jobs of a sweep: all combinations of the swept values, or a union of several such products."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from rnnbench.errors import SettingError

Swept = Mapping[str, Any]
"""Values by setting, as in Hydra's `params`: `20,40,80` are three, as are `range(0,3)`."""


BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"
ONE_PER_LAUNCH = ("name", "results_dir", "experiment")
UNION = "hydra_plugins.rnnbench_plugins.UnionOfProducts"
"""The sweeper of hydra/sweeper=union; Hydra takes one from that package alone."""


def swept_jobs(
    params: Swept, products: Mapping[str, Swept], arguments: Sequence[str], loader: ConfigLoader | None = None
) -> list[list[str]]:
    """The overrides of every job of the union: each product's own values with those of `params`, each job once.

    A setting among the arguments replaces its values in every product. Without products, the jobs are those of `params`
    and the arguments, as Hydra's basic sweeper has them. The loader finds what `glob(*)` stands for.
    """
    parser = OverridesParser.create(config_loader=loader)
    jobs: dict[tuple[str, ...], None] = {}
    for product in products.values() or [{}]:
        own = [f"{key}={'null' if value is None else value}" for key, value in {**params, **product}.items()]
        axes = {each.get_key_element(): _values(each) for each in parser.parse_overrides([*own, *arguments])}
        jobs |= dict.fromkeys(itertools.product(*axes.values()))
    return [list(job) for job in jobs]


def check_one_per_launch(config: DictConfig) -> None:
    """Raise SettingError where a sweep is over what all of its runs share: where they are stored, the experiment."""
    sweeper, parser = config.hydra.sweeper, OverridesParser.create()
    parts = [sweeper.get("params") or {}, *(sweeper.get("products") or {}).values()]
    declared = [f"{key}={value}" for part in parts for key, value in part.items() if key in ONE_PER_LAUNCH]
    found: dict[str, set[str]] = {}
    for override in parser.parse_overrides([*config.hydra.overrides.task, *declared]):
        if (key := override.get_key_element().lstrip("+")) in ONE_PER_LAUNCH:
            found.setdefault(key, set()).update(_values(override))
    for key, values in found.items():
        if len(values) > 1:
            listed = ",".join(sorted(value.partition("=")[2] for value in values))
            raise SettingError(f"{key}={listed}: must be one value for all runs of a launch; launch once for each")


def sweep_of(config: DictConfig, loader: ConfigLoader | None = None) -> list[list[str]]:
    """The jobs of a configuration composed for a sweep, Hydra's own part included."""
    sweeper = config.hydra.sweeper
    params, products = sweeper.get("params") or {}, sweeper.get("products") or {}
    return swept_jobs(params, products, config.hydra.overrides.task, loader)


def _values(override: Override) -> list[str]:
    """The overrides with one value each that a swept one stands for."""
    key = override.get_key_element()
    if override.is_interval_sweep():
        raise SettingError(f"{override.input_line}: cannot be listed; hydra/sweeper=optuna samples it")
    if override.is_sweep_override():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    return [f"{key}={override.get_value_element_as_str()}"]
