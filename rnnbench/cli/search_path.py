"""Where Hydra looks for choices: in the folders given as --config-dir first, then in rnnbench's own conf/."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from rnnbench.cli.menu import GROUPS, choices
from rnnbench.errors import SettingError
from rnnbench.runs.catalogue import configuration_directory


class ConfigDirectories(SearchPathPlugin):
    """Puts the folders before rnnbench's own, so that a choice of theirs wins; other Hydra applications have none."""

    folders: ClassVar[Sequence[Path]] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        own = str(configuration_directory())
        if any(each.provider == "main" and str(each.path).endswith(own) for each in search_path.get_path()):
            for folder in ConfigDirectories.folders:
                search_path.prepend("command-line", f"file://{folder}", anchor="main")


def search_first(folders: Sequence[Path], quietly: bool = False) -> None:
    """Make Hydra look in these folders first, the last before the others; a line names what takes a choice's place.

    Raises SettingError for one that is not there, or that would replace all of rnnbench's configuration.
    """
    ConfigDirectories.folders = [folder.resolve() for folder in folders]
    for folder in folders:
        if not folder.is_dir():
            raise SettingError(f"--config-dir {folder}: there is no such folder")
        if (folder / "config.yaml").exists():
            raise SettingError(f"--config-dir {folder}: its config.yaml would replace rnnbench's own; rename it")
        replacing = [
            str(folder / group / f"{name}.yaml")
            for group in GROUPS
            for name in choices(group, [folder]).keys() & choices(group, [configuration_directory()]).keys()
        ]
        if replacing and not quietly:
            which = "the choice of that name" if len(replacing) == 1 else "the choices of these names"
            print(f"rnnbench: {', '.join(sorted(replacing))} in place of {which}", file=sys.stderr)
