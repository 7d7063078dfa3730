"""The file that a task on a user's own data reads."""

from pathlib import Path


def data_file(path: str | Path, remedy: str) -> Path:
    """The file at the path, `~` standing for the home folder. Raises ValueError, with the remedy, where there is none.

    A relative path is taken from the folder in which the command was started.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        raise ValueError(f"path={path}: is a folder and must be a file; {remedy}")
    if not file.is_file():
        raise ValueError(f"path={path}: there is no such file in {Path.cwd()}; {remedy}" if not file.is_absolute()
                         else f"path={path}: there is no such file; {remedy}")  # fmt: skip
    return file
