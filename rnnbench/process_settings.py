"""Settings of the whole process that numbers depend on: torch's, NumPy's and Python's.

A component that changes one, when it is imported, constructed or run, would change what runs after it. Within
`standard_settings` they are the same for every run, and afterwards what they were before. torch and NumPy are looked up
and not imported, since reports do without torch.
"""

import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One setting of a module."""

    module: str
    getter: str | Callable[[Any], Any]
    """A function of the module, or one that takes it."""
    setter: str | Callable[[Any, Any], object]
    standard: Any = None
    """Its value within `standard_settings`; None: the one before."""

    def get(self) -> Any:
        """The value now."""
        module = sys.modules[self.module]
        return getattr(module, self.getter)() if isinstance(self.getter, str) else self.getter(module)

    def put(self, value: Any) -> None:
        """Set it."""
        module = sys.modules[self.module]
        _ = getattr(module, self.setter)(value) if isinstance(self.setter, str) else self.setter(module, value)


def _set_filters(value: list[Any]) -> None:
    warnings.resetwarnings()  # which also forgets the cached decisions
    warnings.filters[:] = value  # type: ignore[index]


THREADS, FLUSH_DENORMALS, FILTERS = "torch's number of threads", "flushing of denormals", "the filters of warnings"
TORCH_RANDOM, NUMPY_RANDOM, PYTHON_RANDOM = RANDOM = tuple(
    f"{library}'s global random numbers" for library in ("torch", "NumPy", "Python")
)
NOT_REPORTED = {PYTHON_RANDOM, FILTERS}
"""Settings that change whenever a library is imported, or in other threads."""
SETTINGS = {
    "torch's default dtype": Setting(
        "torch",
        lambda torch: str(torch.get_default_dtype()).removeprefix("torch."),
        lambda torch, value: torch.set_default_dtype(getattr(torch, value)),
        "float32",
    ),
    "torch's default device": Setting(
        "torch",
        lambda torch: str(torch.get_default_device()),
        lambda torch, value: torch.set_default_device(None if value == "cpu" else value),
        "cpu",
    ),
    "torch's grad mode": Setting("torch", "is_grad_enabled", "set_grad_enabled", True),
    "torch's deterministic algorithms": Setting(
        "torch", "get_deterministic_debug_mode", "set_deterministic_debug_mode", 0
    ),
    "torch's precision of matrix products": Setting(
        "torch", "get_float32_matmul_precision", "set_float32_matmul_precision", "highest"
    ),
    "torch's autocast": Setting(
        "torch",
        lambda torch: torch.is_autocast_enabled("cpu"),
        lambda torch, value: torch.set_autocast_enabled("cpu", value),
        False,
    ),
    THREADS: Setting("torch", "get_num_threads", "set_num_threads"),
    FLUSH_DENORMALS: Setting("torch", lambda _: sys.float_info.min / 2 == 0, "set_flush_denormal"),
    TORCH_RANDOM: Setting(
        "torch",
        lambda torch: torch.get_rng_state().numpy().tobytes(),
        lambda torch, value: torch.set_rng_state(torch.tensor(list(value), dtype=torch.uint8, device="cpu")),
    ),
    "NumPy's errors": Setting("numpy", "geterr", lambda numpy, value: numpy.seterr(**value)),
    NUMPY_RANDOM: Setting(
        "numpy",
        lambda numpy: [part.tobytes() if hasattr(part, "tobytes") else part for part in numpy.random.get_state()],
        lambda numpy, value: numpy.random.set_state((value[0], numpy.frombuffer(value[1], numpy.uint32), *value[2:])),
    ),
    PYTHON_RANDOM: Setting("random", "getstate", "setstate"),
    "the working directory": Setting("os", "getcwd", "chdir"),
    FILTERS: Setting("warnings", lambda _: list(warnings.filters), lambda _, value: _set_filters(value)),
}

_open: list[dict[str, Any]] = []
"""What the settings are to be at the end of every block that has begun."""


@contextmanager
def standard_settings(who: str, may_draw: bool = False) -> Iterator[None]:
    """Standard settings in the block; afterwards those before it, with a line on those that changed meanwhile.

    `who` is what the line says changed them; with `may_draw`, random numbers that it has drawn are not reported.
    """
    before = _now()
    for name, value in before.items():
        standard = SETTINGS[name].standard
        if standard not in (None, value):
            SETTINGS[name].put(standard)
    expected = _now()
    _open.append(expected)
    try:
        yield
    finally:
        _open.pop()
        ended = _now()
        for name, value in before.items():
            if ended[name] != value:
                SETTINGS[name].put(value)
        not_reported = NOT_REPORTED.union(RANDOM if may_draw else ())
        changed = [name for name, value in expected.items() if ended[name] != value and name not in not_reported]
        if changed:
            print(f"rnnbench: {who} changed {', '.join(changed)}, for the whole process; put back", file=sys.stderr)


def choose(name: str, value: Any) -> None:
    """Set one of the settings on behalf of the run itself."""
    SETTINGS[name].put(value)
    for expected in _open:
        expected[name] = value


def seed_random_numbers(seed: int) -> None:
    """Seed the global random numbers of torch, NumPy and Python on behalf of the run itself."""
    sys.modules["torch"].default_generator.manual_seed(seed)
    sys.modules["numpy"].random.seed(seed % 2**32)
    random.seed(seed)
    for expected in _open:
        expected |= {name: value for name, value in _now().items() if name in RANDOM}


def _now() -> dict[str, Any]:
    return {name: setting.get() for name, setting in SETTINGS.items() if setting.module in sys.modules}
