"""The Hydra application: from command-line arguments to finished jobs and an exit code."""

import difflib
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rnnbench.cli.arguments import as_meant, options_last, overrides
from rnnbench.cli.completion import OPTIONS
from rnnbench.cli.launches import end_search_without_result, fail, print_counts_of_stopped_launch
from rnnbench.cli.launching import status_line
from rnnbench.cli.menu import RENAMED, choices, own_directories, setting_names
from rnnbench.cli.search_path import search_first
from rnnbench.errors import SettingError, component_traceback, one_line
from rnnbench.interruption import Interrupted
from rnnbench.runs.catalogue import configuration_directory


def launch(arguments: list[str]) -> None:
    """Run the jobs that the arguments ask for; `LaunchRecord` then exits the program with a code."""
    start = hydra.main(version_base="1.3", config_path=str(configuration_directory()), config_name="config")
    all_frames = _wants_all_frames()

    def job(config: DictConfig) -> float | None:
        from rnnbench.cli.job import run_job  # imports torch, which --cfg and completion can do without

        return run_job(config, all_frames)

    def checked() -> None:
        meant = as_meant(arguments)
        overrides(meant)
        sys.argv[1:] = options_last(meant)
        is_completion = OPTIONS & set(meant)
        words = os.environ.get("COMP_LINE", "").split() if is_completion else meant
        search_first(own_directories(words), quietly=bool(is_completion))
        try:
            start(job)()
        except ValueError:
            status_line.stop()
            end_search_without_result()
            raise
        finally:
            status_line.stop()

    try:
        answering_in_one_line(checked)
    except Interrupted:
        print_counts_of_stopped_launch()
        raise


def answering_in_one_line(command: Callable[[], None]) -> None:
    """Run a command: a wrong setting becomes one line and exit code 2, a bug its traceback and exit code 1.

    `rnnbench.errors` defines the two. HYDRA_FULL_ERROR=1 in the environment shows the whole traceback of both.
    """
    as_set, wants_traceback = os.environ.get("HYDRA_FULL_ERROR"), _wants_all_frames()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise rather than print and exit
    try:
        command()
    except (HydraException, OmegaConfBaseException, SettingError, OSError) as error:
        if wants_traceback:
            raise
        fail(hydra_message(error))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        if wants_traceback:
            raise
        fail(yaml_message(error))
    except Exception as error:
        if wants_traceback:
            raise
        print(component_traceback(error), end="", file=sys.stderr)
        raise SystemExit(1) from error
    finally:
        if as_set is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = as_set


def _wants_all_frames() -> bool:
    """Whether the user has set HYDRA_FULL_ERROR."""
    return os.environ.get("HYDRA_FULL_ERROR", "0") not in ("0", "")


def yaml_message(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """What is wrong with a YAML file, in one line with the file's name."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        return f"{mark.name}, line {mark.line + 1}: no valid YAML ({error.problem or error.context})"
    if isinstance(error, yaml.reader.ReaderError):
        return f"{error.name}: no valid YAML (an unprintable character at position {error.position})"
    files = (path for folder in own_directories(sys.argv[1:]) for path in sorted(folder.rglob("*.yaml")))
    named = next((f"{path}: " for path in files if not _is_utf8(path)), "")
    return f"{named}no valid YAML ({one_line(error)})"


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def hydra_message(error: Exception) -> str:
    """Hydra's message in one line, with the choices that exist."""
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        if renamed := RENAMED.get(f"{group}={choice}"):
            return f"{group}={choice}: renamed; use {renamed}"
        return _no_such_choice(group, choice, error.options)
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        quoted = shlex.quote(f'{key}="{value}"')
        return f"{error.override}: cannot be read; close its brackets and quotes, or quote all of it: {quoted}"
    if match := re.search(r"Could not override '([^']+)'", str(error)):
        return _no_such_setting(match[1], getattr(error.__cause__, "parent_node", None))
    if match := re.search(r"Ambiguous value for argument '([^']*)'", str(error)):
        key, _, values = match[1].partition("=")
        return f"{match[1]}: must be one value; with -m, several are a sweep; a list is {key}=[{values}]"
    return one_line(error)


def _no_such_choice(group: str, choice: str, known: Sequence[str] | None) -> str:
    """That a group has no such choice, with the nearest, or else where one of the user's own belongs."""
    own = own_directories(sys.argv[1:])
    there = sorted(known if known is not None else choices(group, [configuration_directory(), *own]))
    if near := difflib.get_close_matches(choice, there, n=1):
        hint = f"did you mean {near[0]}? "
    elif own:
        hint = f"there is no {own[0] / group / choice}.yaml; "
    else:
        hint = f"one of your own needs --config-dir DIR, with DIR/{group}/{choice}.yaml; "
    return f"{group}={choice}: no such choice; {hint}choose from {', '.join(there)}"


def _no_such_setting(key: str, beside: Any) -> str:
    """That there is no such setting, with the nearest; `beside` is the part of the configuration where it would be."""
    section, _, _ = key.rpartition(".")
    settings = [str(name) for name in beside if name != "_target_"] if isinstance(beside, DictConfig) else []
    of_component = "_target_" in beside if isinstance(beside, DictConfig) else False
    near = difflib.get_close_matches(key, [*setting_names(), *(f"{section}.{name}" for name in settings)], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    where = f"{section} has {', '.join(settings) or 'no settings'}" if of_component else "`rnnbench --help` lists them"
    return f"{key}: no such setting; {hint}{where}"
