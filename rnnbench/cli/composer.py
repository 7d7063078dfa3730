"""From Hydra's configurations to settings, of one job or of many.

`Composer` is a second way to compose, for one reason: Hydra takes 93 ms for a job on an idle machine, and 1.4 s where
all cores train, so that a sweep of 5,000 jobs would spend minutes to two hours before its first run starts. Here a job
takes 3 ms. Hydra composes once for each set of choices, and plain `key=value` are put into a copy; whatever else a job
has, Hydra composes as a whole, as it does every job when it runs: `+` and `~`, packages, settings of Hydra,
interpolations, and what is wrong, so that the error is Hydra's.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnbench.cli.menu import GROUPS
from rnnbench.errors import SettingError, one_line
from rnnbench.runs.settings import Settings


def settings_of(config: DictConfig) -> Settings:
    """The checked settings of a composed configuration. Raises SettingError."""
    return Settings.from_content(_content(config))


def _content(config: DictConfig, resolve: bool = True) -> Any:
    """The configuration without Hydra's part."""
    try:
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        return OmegaConf.to_container(own, resolve=resolve)
    except OmegaConfBaseException as error:
        raise SettingError(one_line(error)) from error


def import_from_config_directories(hydra: Any) -> None:
    """Make the user's own components importable from the folder of their YAML, given as --config-dir."""
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line" and source.path not in sys.path:
            sys.path.append(source.path)


class Composed(NamedTuple):
    """A job's configuration without Hydra's part, and the choices that it comes from."""

    content: Mapping[str, Any]
    choices: Mapping[str, str]


class Composer:
    """Composes the jobs of a sweep, whose own configuration is `master`."""

    def __init__(self, master: DictConfig, loader: ConfigLoader) -> None:
        self.master, self.loader = master, loader
        self._parse = cache(OverridesParser.create().parse_override)
        self._base = cache(partial(self._as_a_whole, resolve=False))

    def compose(self, job: Sequence[str]) -> Composed:
        """The configuration of a job. Raises Hydra's errors, and SettingError for an unresolved interpolation."""
        overrides = [self._parse(text) for text in job]
        if not all(map(_is_plain, overrides)):
            return self._as_a_whole(job)
        base = self._base(tuple(str(each.input_line) for each in overrides if each.key_or_group in GROUPS))
        content = base.content if "$" not in str(base.content) else None
        for override in overrides:
            if override.key_or_group not in GROUPS and content is not None:
                content = _with(content, override.key_or_group.split("."), override.value())
        return self._as_a_whole(job) if content is None else Composed(content, base.choices)

    def _as_a_whole(self, job: Sequence[str], resolve: bool = True) -> Composed:
        config = self.loader.load_sweep_config(self.master, list(job))
        HydraConfig.instance().set_config(config)  # the resolver `hydra` reads it there
        try:
            return Composed(_content(config, resolve), dict(config.hydra.runtime.choices))
        finally:
            HydraConfig.instance().set_config(self.master)


def _is_plain(override: Override) -> bool:
    """Whether the override is a choice or gives one setting another value, which is no mapping."""
    return (
        override.type == OverrideType.CHANGE
        and override.package is None
        and not override.is_sweep_override()
        and not override.key_or_group.startswith("hydra")
        and not isinstance(override.value(), dict)
        and "$" not in str(override.input_line)
    )


def _with(content: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any] | None:
    """The content with another value at the path; None unless there is one already, which is no mapping."""
    key, *below = path
    if key not in content or isinstance(content[key], dict) != bool(below):
        return None
    new = _with(content[key], below, value) if below else value
    return None if below and new is None else {**content, key: new}
