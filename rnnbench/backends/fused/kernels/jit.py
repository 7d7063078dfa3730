"""Numba's decorators, with the settings that let LLVM turn a loop into vector instructions.

Division by zero must not raise, since the check for it is a branch; a product and a sum may be contracted to one
rounding; nothing is assumed about NaN or infinity, which must pass through.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numba.extending
from numpy.typing import NDArray

Array = NDArray[Any]
"""A flat array."""

Real = Any
"""A number of the type computed in."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_njit: Any = numba.njit
_cfunc: Any = numba.cfunc
_intrinsic: Any = numba.extending.intrinsic
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def jit(function: _Function) -> _Function:
    """Compile a function for the loops to call."""
    compiled: _Function = _njit(**_OPTIONS)(function)
    return compiled


def cached_jit(integers: int, arrays: int, real: str) -> Callable[[_Function], _Function]:
    """Compile a function of this many integers and flat arrays at once, and keep the result next to its file, if any.

    One signature per file: Numba numbers what it keeps, and two processes could give two signatures one number.
    """
    array = numba.types.Array(getattr(numba.types, real), 1, "C")
    signature = numba.types.void(*[numba.types.int64] * integers, *[array] * arrays)
    return lambda function: _njit(signature, cache=_has_file(function), **_OPTIONS)(function)


def cached_callback(signature: str) -> Callable[[_Function], Any]:
    """Compile a function for others to call by its address, and keep the result next to its file."""
    return lambda function: _cfunc(signature, cache=_has_file(function), error_model="numpy", fastmath={"contract"})(
        function
    )


def _has_file(function: Callable[..., Any]) -> bool:
    return not function.__code__.co_filename.startswith("<")


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that writes LLVM's instructions itself; it is called without the typing context."""
    written: Callable[..., Any] = _intrinsic(function)
    return written
