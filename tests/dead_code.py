"""Code that nothing uses, as vulture sees it: `python tests/dead_code.py` lists it and fails when there is any.

Components are used by the `_target_` of a YAML, which vulture does not read: those names count as used. What else it
cannot see stands below with its reason.
"""

import re
import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).parents[1]

UNSEEN = {
    "compress_type": "an attribute that zipfile reads",
    "*_accumulate": "generated source calls it",
    "__getattr__": "Python calls it for a lazy export",
    "__dir__": "Python calls it",
    "handle_starttag": "html.parser calls it",
    "_one_*": "pydantic calls it",
    "start_t": "tqdm reads it",
    "last_print_t": "likewise",
    "pytestmark": "pytest reads it",
    "_get_raw": "torch's counter reads it",
    "unset": "a parameter, which initialisation finds by itself",
    "drawn_vector": "likewise",
    "zeros_of_own": "likewise",
    "own_draws": "likewise",
    "complex_matrix": "likewise",
    "flock": "filelock calls it",
    "interpret": "a fixture that a test asks for by name",
    "one_thread": "likewise",
    "typing_context": "an argument that numba names",
    "cached_jit": "generated source imports it",
    "cached_callback": "generated source imports it",
    "blocked_matmul": "generated source imports it",
    "model_config": "pydantic reads it",
    "on_*": "Hydra's callbacks, and the tests' W&B server's answers",
    "daemon_threads": "socketserver reads it",
    "handle_error": "socketserver calls it",
    "client_address": "an argument that socketserver names",
    "protocol_version": "http.server reads it",
    "log_message": "http.server calls it",
    "do_*": "http.server calls it",
    "close_connection": "http.server reads it",
    "setup": "Hydra calls it",
    "caption": "the page's template reads it",
    "alternative": "the page's template reads it",
    "detectable": "the claims' table reads it by name",
    "sentence": "the claims' table reads it by name",
    "difficulty_setting": "pydantic reads it",
    "first_step": "an argument of every hook",
    "state_index": "an argument of every hook",
}


def unused() -> list[str]:
    """One line for each definition that nothing uses."""
    targets = re.findall(r"^\s*_target_: \S*\.(\w+)$", _text("conf/**/*.yaml"), flags=re.MULTILINE)
    vulture = Vulture(ignore_names=[*UNSEEN, *targets], ignore_decorators=["@pytest.fixture*"])
    folders = [str(ROOT / folder) for folder in ("rnnbench", "tasks", "tests")]
    vulture.scavenge(folders, exclude=["*/tests/literature/*"])  # whose cells a test finds by name
    return [item.get_report() for item in vulture.get_unused_code(min_confidence=60)]


def _text(pattern: str) -> str:
    return "\n".join(path.read_text() for path in sorted(ROOT.glob(pattern)))


if __name__ == "__main__":
    found = unused()
    print("\n".join(found) or "no unused code")
    sys.exit(bool(found))
