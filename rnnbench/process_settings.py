"""Settings of the whole process that numbers depend on: torch's, NumPy's and Python's.

A component that changes one, when it is imported, constructed or run, would change what runs after it in the same
process. Within `standard_settings` they are the same for every run, and afterwards what they were before.

torch and NumPy are looked up and not imported: where torch is not loaded, none of its settings is changed.
"""

import locale
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """One setting of the process: `get` and `put` are called with the module that it belongs to."""

    name: str
    module: str
    get: Callable[[Any], Any]
    put: Callable[[Any, Any], object]
    standard: Any = None
    """Its value within `standard_settings`; None: the one before."""
    is_named: bool = True
    """Whether a change is reported; others change at every import of a library, or in other threads."""


THREADS, FLUSH_DENORMALS = "torch's number of threads", "flushing of denormals"
TORCH_RANDOM, NUMPY_RANDOM, PYTHON_RANDOM = RANDOM = tuple(
    f"{library}'s global random numbers" for library in ("torch", "NumPy", "Python")
)


def _dtype(torch: Any, name: str) -> Any:
    return getattr(torch, name.removeprefix("torch."))


def _autocast(device: str, dtype: str) -> Setting:
    def put(torch: Any, value: tuple[bool, str]) -> None:
        torch.set_autocast_enabled(device, value[0])
        torch.set_autocast_dtype(device, _dtype(torch, value[1]))

    def get(torch: Any) -> tuple[bool, str]:
        return torch.is_autocast_enabled(device), str(torch.get_autocast_dtype(device))

    return Setting(f"torch's autocast on {device}", "torch", get, put, (False, dtype))


def _backend_flag(library: str, flag: str, standard: bool) -> Setting:
    def put(torch: Any, value: bool) -> None:
        setattr(getattr(torch.backends, library), flag, value)

    def get(torch: Any) -> bool:
        return bool(getattr(getattr(torch.backends, library), flag))

    return Setting(f"torch.backends.{library}.{flag}", "torch", get, put, standard)


def _hooks(torch: Any) -> dict[str, dict[Any, Any]]:
    """The hooks of all modules, by kind."""
    kinds = vars(torch.nn.modules.module).items()
    return {kind: dict(held) for kind, held in kinds if kind.startswith("_global_") and isinstance(held, dict)}


def _put_hooks(torch: Any, value: dict[str, dict[Any, Any]]) -> None:
    for kind, hooks in value.items():
        held = getattr(torch.nn.modules.module, kind)
        held.clear()
        held.update(hooks)


_TORCH = (
    Setting(
        "torch's default device", "torch",
        lambda torch: str(torch.get_default_device()),
        lambda torch, value: torch.set_default_device(None if value == "cpu" else value), "cpu",
    ),
    Setting(
        "torch's default dtype", "torch",
        lambda torch: str(torch.get_default_dtype()),
        lambda torch, value: torch.set_default_dtype(_dtype(torch, value)), "torch.float32",
    ),
    Setting(
        "torch's grad mode", "torch",
        lambda torch: torch.is_grad_enabled(), lambda torch, value: torch.set_grad_enabled(value), True,
    ),
    Setting(
        "torch's anomaly detection", "torch",
        lambda torch: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda torch, value: torch.autograd.set_detect_anomaly(*value), (False, True),
    ),
    Setting(
        "torch's deterministic algorithms", "torch",
        lambda torch: torch.get_deterministic_debug_mode(),
        lambda torch, value: torch.set_deterministic_debug_mode(value), 0,
    ),
    Setting(
        "torch's precision of matrix products", "torch",
        lambda torch: torch.get_float32_matmul_precision(),
        lambda torch, value: torch.set_float32_matmul_precision(value), "highest",
    ),
    Setting("torch's hooks of all modules", "torch", _hooks, _put_hooks),
    _autocast("cpu", "torch.bfloat16"),
    _autocast("cuda", "torch.float16"),
    _backend_flag("cudnn", "enabled", True),
    _backend_flag("cudnn", "benchmark", False),
    _backend_flag("cudnn", "deterministic", False),
    _backend_flag("mkldnn", "enabled", True),
    Setting(
        THREADS, "torch", lambda torch: torch.get_num_threads(), lambda torch, value: torch.set_num_threads(value)
    ),
    Setting(
        FLUSH_DENORMALS, "torch",
        lambda torch: sys.float_info.min / 2 == 0, lambda torch, value: torch.set_flush_denormal(value),
    ),
    Setting(
        TORCH_RANDOM, "torch",
        lambda torch: torch.get_rng_state().numpy().tobytes(),
        lambda torch, value: torch.set_rng_state(torch.tensor(list(value), dtype=torch.uint8, device="cpu")),
    ),
)  # fmt: skip

_OTHERS = (
    Setting("NumPy's errors", "numpy", lambda numpy: numpy.geterr(), lambda numpy, value: numpy.seterr(**value)),
    Setting(
        "NumPy's print options", "numpy",
        lambda numpy: numpy.get_printoptions(), lambda numpy, value: numpy.set_printoptions(**value),
    ),
    Setting(
        NUMPY_RANDOM, "numpy",
        lambda numpy: [part.tobytes() if hasattr(part, "tobytes") else part for part in numpy.random.get_state()],
        lambda numpy, value: numpy.random.set_state((value[0], numpy.frombuffer(value[1], numpy.uint32), *value[2:])),
    ),
    Setting(
        PYTHON_RANDOM, "random",
        lambda _: random.getstate(), lambda _, value: random.setstate(value), is_named=False,
    ),
    Setting("the locale", "locale", lambda _: locale.setlocale(locale.LC_ALL), lambda _, value: _set_locale(value)),
    Setting(
        "the recursion limit", "sys",
        lambda sys: sys.getrecursionlimit(), lambda sys, value: sys.setrecursionlimit(value),
    ),
    Setting("the working directory", "os", lambda os: _working_directory(), lambda _, value: _go_to(value)),
    Setting(
        "garbage collection", "gc",
        lambda gc: gc.isenabled(), lambda gc, value: gc.enable() if value else gc.disable(),
    ),
    Setting(
        "the filters of warnings", "warnings",
        lambda warnings: list(warnings.filters), lambda _, value: _set_filters(value), is_named=False,
    ),
)  # fmt: skip
SETTINGS = {setting.name: setting for setting in (*_TORCH, *_OTHERS)}

_open: list[Values] = []
"""What the settings are to be at the end of every block that has begun."""


@contextmanager
def standard_settings(who: str, may_draw: bool = False) -> Iterator[None]:
    """Standard settings in the block; afterwards those before it, with a line on those that changed meanwhile.

    `who` is what the line says changed them; with `may_draw`, random numbers that it has drawn are not reported.
    """
    before = {
        **{name: setting.standard for name, setting in SETTINGS.items() if setting.standard is not None},
        **_now(),
    }
    for name, value in before.items():
        standard = SETTINGS[name].standard
        if standard not in (None, value):
            _put(name, standard)
    started = _now()
    _open.append(started)
    try:
        yield
    finally:
        _open.pop()
        expected = before | started
        ended = _now()
        changed = [name for name, value in ended.items() if name in expected and value != expected[name]]
        for name, value in before.items():
            if ended.get(name, value) != value:
                _put(name, value)
        named = [name for name in changed if SETTINGS[name].is_named and not (may_draw and name in RANDOM)]
        if told := [_change(name, expected[name], ended[name]) for name in named]:
            print(f"rnnbench: {who} changed {', '.join(told)}, for the whole process; put back", file=sys.stderr)


def choose(name: str, value: Any) -> None:
    """Set one of the settings on behalf of the run itself."""
    _put(name, value)
    for started in _open:
        started[name] = value


def seed_random_numbers(seed: int) -> None:
    """Seed the global random numbers of torch, NumPy and Python on behalf of the run itself."""
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    random.seed(seed)
    for started in _open:
        started |= {name: value for name, value in _now().items() if name in RANDOM}


def _now() -> Values:
    """The settings of the libraries that are loaded."""
    return {
        name: setting.get(sys.modules[setting.module])
        for name, setting in SETTINGS.items()
        if setting.module in sys.modules
    }


def _put(name: str, value: Any) -> None:
    if SETTINGS[name].module in sys.modules:
        SETTINGS[name].put(sys.modules[SETTINGS[name].module], value)


def _change(name: str, before: Any, after: Any) -> str:
    told = f"{before!s} to {after!s}"
    return name if name in RANDOM or len(told) > 100 else f"{name} from {told}"


def _set_locale(value: str) -> None:
    with suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, value)


def _set_filters(value: list[Any]) -> None:
    warnings.resetwarnings()  # which also forgets the cached decisions
    warnings.filters[:] = value  # type: ignore[index]


def _go_to(folder: str | None) -> None:
    with suppress(OSError):
        os.chdir(folder or ".")


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None
