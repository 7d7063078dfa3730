"""The configurations of many jobs: composed once for each set of choices, the settings then put into a copy.

Whatever is more than a choice or a plain `key=value` is composed by Hydra as a whole, as every job is when it runs: `+`
and `~`, packages, settings of Hydra, interpolations by resolvers, and what is wrong, so that Hydra says so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import AnyNode, Container, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnbench.errors import SettingError, one_line

RESOLVED_ELSEWHERE = re.compile(r"\$\{[^}]*[:$]|\\\$")
"""An interpolation by a resolver, one within another, or an escaped one."""


@dataclass(frozen=True)
class Composed:
    """A job's configuration without Hydra's part, and the choices that it comes from."""

    content: Mapping[str, Any]
    choices: Mapping[str, str]


@dataclass(frozen=True)
class _Base:
    """What a set of choices composes to, before interpolations are resolved."""

    content: dict[str, Any]
    choices: dict[str, str]
    is_plain: bool
    """Whether settings put into the content give what Hydra composes."""
    interpolates: bool


class Composer:
    """Composes the jobs of a sweep, whose own configuration is `master`."""

    def __init__(self, master: DictConfig, loader: ConfigLoader) -> None:
        self.master = master
        self.loader = loader
        self._bases: dict[tuple[str, ...], _Base] = {}
        self._is_group = cache(lambda key: "/" in key or loader.repository.group_exists(key))  # type: ignore[attr-defined]
        self._parse = cache(OverridesParser.create().parse_override)
        self._may_search_elsewhere = OmegaConf.select(master, "hydra.searchpath") not in (None, [])

    def compose(self, job: Sequence[str]) -> Composed:
        """The configuration of a job. Raises Hydra's errors, and SettingError for an unresolved interpolation."""
        return self._from_base(job) or self._as_a_whole(job)

    def _from_base(self, job: Sequence[str]) -> Composed | None:
        """The base with the job's settings; None where Hydra has to compose the whole."""
        overrides = [self._parse(text) for text in job]
        if self._may_search_elsewhere or not all(map(_is_plain, overrides)):
            return None
        is_group = [self._is_group(override.key_or_group) for override in overrides]
        base = self._base(tuple(text for text, of_group in zip(job, is_group, strict=True) if of_group))
        if not base.is_plain:
            return None
        content = base.content
        for override, of_group in zip(overrides, is_group, strict=True):
            if not of_group:
                changed = _with(content, override.key_or_group.split("."), override.value())
                if changed is None:
                    return None
                content = changed
        return Composed(_resolved(OmegaConf.create(content)) if base.interpolates else content, base.choices)

    def _base(self, groups: tuple[str, ...]) -> _Base:
        if groups not in self._bases:
            config = self.loader.load_sweep_config(self.master, list(groups))
            own = _own(config)
            content: Any = OmegaConf.to_container(own)
            texts = [value for value in _leaves(content) if isinstance(value, str) and "$" in value]
            is_plain = _is_untyped(own) and not any(map(RESOLVED_ELSEWHERE.search, texts))
            self._bases[groups] = _Base(content, dict(config.hydra.runtime.choices), is_plain, bool(texts))
        return self._bases[groups]

    def _as_a_whole(self, job: Sequence[str]) -> Composed:
        config = self.loader.load_sweep_config(self.master, list(job))
        HydraConfig.instance().set_config(config)  # the resolver `hydra` reads it there
        try:
            return Composed(_resolved(_own(config)), dict(config.hydra.runtime.choices))
        finally:
            HydraConfig.instance().set_config(self.master)


def _own(config: DictConfig) -> DictConfig:
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def _resolved(config: DictConfig) -> dict[str, Any]:
    try:
        content: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise SettingError(one_line(error)) from error
    return dict(content)


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


def _with(content: dict[str, Any], path: list[str], value: Any) -> dict[str, Any] | None:
    """The content with another value at the path; None unless there is one already, which is no mapping."""
    key, *below = path
    if key not in content or isinstance(content[key], dict) != bool(below):
        return None
    new = _with(content[key], below, value) if below else value
    return None if below and new is None else {**content, key: new}


def _leaves(content: Any) -> Iterator[Any]:
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from _leaves(value)
    else:
        yield content


def _is_untyped(config: Container) -> bool:
    """Whether any setting may have any value, as it is where the configuration comes from YAML alone."""
    each: Any = config
    for key in each if isinstance(config, DictConfig) else range(len(each)):
        node: Any = each._get_node(key)
        if isinstance(node, Container):
            if node._is_none() or node._is_interpolation() or node._is_missing():
                return False
            if OmegaConf.get_type(node) not in (dict, list) or not _is_untyped(node):
                return False
        elif not isinstance(node, AnyNode):
            return False
    return True
