"""Parameters of which most are tried by `make test-all` alone."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def long_but(quick: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """The values as parameters of a test, all but the quick ones marked `long`; a tuple holds several arguments."""

    def parameter(value: Any) -> Any:
        arguments = value if isinstance(value, tuple) else (value,)
        return value if value in quick else pytest.param(*arguments, marks=pytest.mark.long)

    return list(map(parameter, values))
