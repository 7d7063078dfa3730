"""Settings of the whole process that numbers depend on: torch's, NumPy's and Python's.

A component that changes one, when it is imported, constructed or run, would change what runs after it in the same
process. Within `standard_settings` they are the same for every run, and afterwards what they were before.

torch and NumPy are looked up and not imported, since reports do without torch.
"""

import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One setting: `get` and `put` are called with the module that it belongs to."""

    module: str
    get: Callable[[Any], Any]
    put: Callable[[Any, Any], object]
    standard: Any = None
    """Its value within `standard_settings`; None: the one before."""


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
    "torch's grad mode": Setting(
        "torch", lambda torch: torch.is_grad_enabled(), lambda torch, value: torch.set_grad_enabled(value), True
    ),
    "torch's deterministic algorithms": Setting(
        "torch",
        lambda torch: torch.get_deterministic_debug_mode(),
        lambda torch, value: torch.set_deterministic_debug_mode(value),
        0,
    ),
    "torch's precision of matrix products": Setting(
        "torch",
        lambda torch: torch.get_float32_matmul_precision(),
        lambda torch, value: torch.set_float32_matmul_precision(value),
        "highest",
    ),
    "torch's autocast": Setting(
        "torch",
        lambda torch: torch.is_autocast_enabled("cpu"),
        lambda torch, value: torch.set_autocast_enabled("cpu", value),
        False,
    ),
    THREADS: Setting("torch", lambda torch: torch.get_num_threads(), lambda torch, value: torch.set_num_threads(value)),
    FLUSH_DENORMALS: Setting(
        "torch", lambda _: sys.float_info.min / 2 == 0, lambda torch, value: torch.set_flush_denormal(value)
    ),
    TORCH_RANDOM: Setting(
        "torch",
        lambda torch: torch.get_rng_state().numpy().tobytes(),
        lambda torch, value: torch.set_rng_state(torch.tensor(list(value), dtype=torch.uint8, device="cpu")),
    ),
    "NumPy's errors": Setting("numpy", lambda numpy: numpy.geterr(), lambda numpy, value: numpy.seterr(**value)),
    NUMPY_RANDOM: Setting(
        "numpy",
        lambda numpy: [part.tobytes() if hasattr(part, "tobytes") else part for part in numpy.random.get_state()],
        lambda numpy, value: numpy.random.set_state((value[0], numpy.frombuffer(value[1], numpy.uint32), *value[2:])),
    ),
    PYTHON_RANDOM: Setting("random", lambda _: random.getstate(), lambda _, value: random.setstate(value)),
    "the working directory": Setting("os", lambda os: os.getcwd(), lambda os, value: os.chdir(value)),
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
            _put(name, standard)
    expected = _now()
    _open.append(expected)
    try:
        yield
    finally:
        _open.pop()
        ended = _now()
        for name, value in before.items():
            if ended[name] != value:
                _put(name, value)
        not_reported = NOT_REPORTED.union(RANDOM if may_draw else ())
        changed = [name for name, value in expected.items() if ended[name] != value and name not in not_reported]
        if changed:
            print(f"rnnbench: {who} changed {', '.join(changed)}, for the whole process; put back", file=sys.stderr)


def choose(name: str, value: Any) -> None:
    """Set one of the settings on behalf of the run itself."""
    _put(name, value)
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
    """The settings of the libraries that are loaded."""
    loaded = {name: setting for name, setting in SETTINGS.items() if setting.module in sys.modules}
    return {name: setting.get(sys.modules[setting.module]) for name, setting in loaded.items()}


def _put(name: str, value: Any) -> None:
    SETTINGS[name].put(sys.modules[SETTINGS[name].module], value)
