"""Which settings can change a result: they identify a run, and each is a column.

In runs.csv and in tables their values are text that says what they are. Text that is anything else than plain words is
in quotes, as JSON has them: `"None"`, `"1"`, `"true"`, `""`. The rest is as pandas reads and writes it: True and False,
numbers, and an empty cell for null.
"""

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WITHOUT_EFFECT = (
    "name", "results_dir", "rerun", "wandb", "objective", "tuned", "tuning", "tables", "figures", "report",
    "train.checkpoint_every_s", "train.keep_weights",
)  # fmt: skip
"""Settings that cannot change a result."""

THROUGH_OTHERS = ("model.parameter_budget", "model.budget_counts")
"""Settings that can change a result only through others, which are recorded as they came out."""

NEUTRAL: Mapping[str, Any] = {
    "train.epochs": None, "train.truncate": None, "train.gradient_clip_value": None, "train.weight_noise": 0.0,
    "train.eval_every_epochs": None, "train.selection": "last", "train.patience": None,
    "schedule": None, "model.embedding": None, "train.examples": None, "model.memory_bias": None,
    "evaluation": {"lengths": []},
}  # fmt: skip
"""Settings that a run's name leaves out at these values, at which a run is what it is without them."""

LONGEST_NAME = 255
"""Bytes of a folder's name on Linux and macOS."""

LARGEST_SEED = 2**63 - 1
"""The largest integer that tables hold."""

GROUPS_WITHOUT_EFFECT = ("experiment", "table", "figure", "hydra")
"""What else an override may begin with and not change a result: an experiment's own settings are overrides, too."""

WITHOUT_A_DOT = ("device", "threads", "flush_denormals")
"""The settings whose columns have no dot in their names."""


def result_settings(settings: Mapping[str, Any], hidden_size: int, backend: str) -> dict[str, Any]:
    """The settings that can change a result, with the width and backend that really run: what a hash covers."""
    content = copy.deepcopy(dict(settings))
    for name in (*WITHOUT_EFFECT, *THROUGH_OTHERS):
        group, _, key = name.rpartition(".")
        del (content[group] if group else content)[key]
    content["model"] |= {"hidden_size": hidden_size, "backend": backend}
    return content


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits from the settings that can change a result, but for neutral ones."""
    named = copy.deepcopy(dict(settings))
    for name, neutral in NEUTRAL.items():
        group, _, key = name.rpartition(".")
        held = named.get(group, {}) if group else named
        if key in held and held[key] == neutral:
            del held[key]
    canonical = json.dumps(named, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def is_name(text: str) -> bool:
    """Whether an experiment, a cell or a task may be called that: one folder's name, and plain text in any file."""
    return re.fullmatch(r"\w[\w.-]*", text) is not None


def checked_name(name: object) -> str:
    """The name of an experiment. Raises ValueError."""
    if not isinstance(name, str):
        raise ValueError("must be text; in a file, put it in quotes")
    if not is_name(name):
        raise ValueError("must be one folder's name, of letters, digits and _ . -")
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"must have at most {LONGEST_NAME} bytes")
    return name


def run_name(cell: str, task: str, seed: int, settings: Mapping[str, Any]) -> str:
    """The name of the run with these settings, which is also its folder's."""
    return f"{cell}-{task}-{seed}-{settings_hash(settings)}"


def changes_what_is_run(override: str) -> bool:
    """Whether the override, such as `seed=1`, can change a result."""
    key = override.lstrip("+~").partition("=")[0]
    return not any(key == name or key.startswith((f"{name}.", f"{name}/"))
                   for name in (*WITHOUT_EFFECT, *GROUPS_WITHOUT_EFFECT))  # fmt: skip


def is_setting(column: str) -> bool:
    """Whether a column of the runs is a setting."""
    return "." in column or column in WITHOUT_A_DOT


def difficulty_value(task_settings: Mapping[str, Any], setting: str) -> int | float | bool | str:
    """The value of the task's setting that makes it harder: a number, or text; of a file its name; "" without one."""
    value = task_settings.get(setting)
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    return Path(str(value)).stem if setting == "path" else str(value)


NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][-+]?\d+)?|inf|nan)")
WORDS = frozenset({"none", "null", "na", "n/a", "<na>", "#n/a", "true", "false"})
"""What pandas, YAML or a reader take for something else than text; in small letters."""
OF_FORMULAS = ("=", "+", "-", "@", '"')
"""Text that begins so is a formula for spreadsheets, or has quotes already."""


def stored_text(value: Any) -> str:
    """The text of null, a truth value, a number or text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    return value if is_plain(value) else json.dumps(value, ensure_ascii=not value.isprintable())


def override_text(value: Any) -> str:
    """The same as in an override of the command line: null, true and false."""
    return {"": "null", "True": "true", "False": "false"}.get(text := stored_text(value), text)


def override_value(text: str) -> float | bool | str | None:
    """The value that a number, true, false, null or a word stands for in an override."""
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False, "null": None}.get(text.lower(), text.strip("'\""))


def is_plain(text: str) -> bool:
    """Whether the text is read as what it is without quotes."""
    if not text or text != text.strip() or not text.isprintable() or text.startswith(OF_FORMULAS):
        return False
    try:
        float(text)
    except ValueError:
        return text.lower() not in WORDS
    return False


def from_stored_text(text: str) -> bool | int | float | str | None:
    """The value that the text stands for."""
    if text in ("", "True", "False"):
        return None if text == "" else text == "True"
    if text.startswith('"'):
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if isinstance(value, str) else text
    if not NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("-").isdecimal() else float(text)
