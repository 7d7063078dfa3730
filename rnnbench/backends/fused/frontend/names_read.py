"""Which names the code of a function reads."""

import dis
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType

DYNAMIC = frozenset(
    {"getattr", "hasattr", "vars", "asdict", "astuple", "attrgetter", "methodcaller", "eval", "exec"}
    | {"__dict__", "__getattribute__", "__getattr__", "__slots__", "__getstate__"}
)
"""With one of these names code may read any attribute."""

AMBIENT = frozenset(
    {"is_grad_enabled", "is_inference_mode_enabled", "is_autocast_enabled", "get_default_dtype", "get_num_threads"}
    | {"environ", "getenv", "getcontext", "hash", "id"}
)
"""Functions and variables that are another at another call, of which no trace of the step remains."""


@lru_cache(maxsize=1024)
def names_read(code: CodeType) -> frozenset[str]:
    """The names of attributes, globals and constant texts, which may name attributes, in it and the functions in it."""
    codes = list(_nested(code))
    texts = (constant for each in codes for constant in each.co_consts if isinstance(constant, str))
    return frozenset(name for each in codes for name in each.co_names) | {text for text in texts if text.isidentifier()}


@lru_cache(maxsize=1024)
def globals_read(code: CodeType) -> frozenset[str]:
    """The names among them that are looked up in the module."""
    found = (instruction for each in _nested(code) for instruction in dis.get_instructions(each))
    return frozenset(str(each.argval) for each in found if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
