"""Classes that a stored configuration names: of rnnbench itself, or handed over by the caller.

A results folder may come from anyone, so what it names is never imported on its word alone.
"""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any, TypeVar

from rnnbench.errors import SettingError, printable

Kind = TypeVar("Kind")


def stored_class(path: Any, kind: type[Kind], components: Sequence[type | str] = ()) -> type[Kind]:
    """The class derived from `kind` that a stored `_target_` names.

    It is taken from rnnbench, from the classes among `components`, by name, and from the packages or modules that
    `components` names. Raises SettingError, in one line, for any other.
    """
    text = str(path)
    module, _, name = text.rpartition(".")
    for each in components:
        if isinstance(each, type) and each.__name__ == name and issubclass(each, kind):
            return each
    trusted = ("rnnbench", *(each for each in components if isinstance(each, str)))
    found: Any = None
    if any(f"{module}.".startswith(f"{package}.") for package in trusted) and not module.endswith("__main__"):
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise SettingError(f"{printable(text)}: cannot be imported ({error})") from None
    if inspect.isclass(found) and issubclass(found, kind):
        return found
    raise SettingError(
        f"{printable(text)}: is no {kind.__name__.lower()} of rnnbench, and no code is run because a results folder "
        f"names it; hand the class over, components=[{printable(name)}], or name its package"
    )
