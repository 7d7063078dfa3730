"""The values of settings as text that says what they are: in runs.csv, where null is no text, and in tables.

Text that is anything else than plain words is in quotes, as JSON has them: `"None"`, `"1"`, `"true"`, `""`. The rest
is as pandas reads and writes it: True and False, numbers, and an empty cell for null.
"""

import json
import re
from typing import Any

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
