"""The Hydra application: from command-line arguments to finished jobs and an exit code."""

import os
import sys
from collections.abc import Callable
from typing import Any

import hydra
import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from rnnbench.cli.arguments import settings_and_options
from rnnbench.cli.console import COMPLETION, fail
from rnnbench.cli.launches import end_stopped_sweep
from rnnbench.cli.launching import status_line
from rnnbench.cli.menu import config_directories, every_setting, nearest_setting, own_directories
from rnnbench.errors import SettingError, one_line, print_error
from rnnbench.interruption import Interrupted
from rnnbench.runs.catalogue import configuration_directory, no_such_choice

MULTIRUN = "-m", "--multirun"
EXPLAINED = HydraException, OmegaConfBaseException, SettingError, OSError, yaml.YAMLError, UnicodeDecodeError
"""Errors whose message is enough."""


def launch(arguments: list[str]) -> None:
    """Run the jobs that the arguments ask for; `LaunchRecord` then exits the program with a code."""
    given, options = settings_and_options(arguments)
    if "--dry-run" in options:
        options = [*(option for option in options if option not in ("--dry-run", *MULTIRUN)), "-m"]
        given = [*given, "hydra.sweeper.dry_run=true"]
    printing = [option for option in options if option.partition("=")[0] in ("-c", "--cfg", "-i", "--info")]
    if printing and set(MULTIRUN) & set(options):
        raise SettingError(f"{printing[0]}: is of one run; leave out -m, or use --dry-run, which lists a sweep's runs")
    if COMPLETION & set(options):
        folders = own_directories(os.environ.get("COMP_LINE", "").split())
        options += [word for folder in folders for word in ("--config-dir", str(folder))]
    sys.argv[1:] = given + options  # Hydra takes settings in one row only: `cell=gru -m seed=0,1`
    start = hydra.main(version_base="1.3", config_path=str(configuration_directory()), config_name="config")
    try:
        start(_job)()
    except (ValueError, Interrupted) as error:
        status_line.stop()
        end_stopped_sweep(isinstance(error, Interrupted))
        raise
    finally:
        status_line.stop()


def _job(config: DictConfig) -> float | None:
    from rnnbench.cli.job import run_job  # imports torch, which --cfg and completion can do without

    return run_job(config)


def in_one_line(command: Callable[[], None]) -> None:
    """Run a command: a wrong setting ends it with a line and code 2, a bug with its traceback (`rnnbench.errors`)."""
    as_set = os.environ.get("HYDRA_FULL_ERROR", "0")  # 1 shows the whole traceback of both
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise rather than print and exit
    try:
        command()
    except Exception as error:
        if as_set == "1":
            raise
        if isinstance(error, EXPLAINED):
            fail(_message(error))
        print_error(error)
        raise SystemExit(1) from error
    finally:
        os.environ["HYDRA_FULL_ERROR"] = as_set


def _message(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        return f"{mark.name}, line {mark.line + 1}: no valid YAML ({error.problem or error.context})"
    if isinstance(error, yaml.YAMLError | UnicodeDecodeError):
        return f"no valid YAML ({one_line(error)})"
    if isinstance(error, MissingConfigException) and "/" in (error.missing_cfg_file or ""):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return no_such_choice(group, choice, config_directories(sys.argv[1:]))
    cause = error.__cause__
    if isinstance(error, ConfigCompositionException) and isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return _no_such_setting(str(cause.full_key), cause.parent_node)
    return one_line(error)


def _no_such_setting(key: str, section: Any) -> str:
    """That there is no such setting, with the nearest; `section` is the part of the configuration where it would be."""
    there = list(map(str, section)) if isinstance(section, DictConfig) else []
    within, (prefix, _, _) = [name for name in there if name != "_target_"], key.rpartition(".")
    typed = [word.lstrip("+~").partition("=")[0] for word in sys.argv[1:]]
    whole = next((word for word in typed if word.startswith(f"{key}.")), key)
    of_section = {f"{prefix}.{name}" if prefix else name: ("", "") for name in within}
    everywhere = {} if prefix and within else every_setting(config_directories(sys.argv[1:]))
    near = nearest_setting(whole, {**of_section, **everywhere})
    hint, where = f"did you mean {near}? " if near else "", "`rnnbench --help all` lists them"
    if "_target_" in there:
        where = f"{prefix} has {', '.join(within) or 'no settings'}"
    return f"{whole}: no such setting; {hint}{where}"
