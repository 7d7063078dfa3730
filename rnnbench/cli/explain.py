"""`rnnbench-explain`: the loops that backend=fused compiles for a cell."""

from rnnbench.cli.console import answer

USAGE = """rnnbench-explain prints the source that backend=fused generates from a cell's `step` and compiles.

  rnnbench-explain cell=NAME [cell.SETTING=VALUE ...] [model.hidden_size=WIDTH] [--config-dir DIR]"""

USED = ("cell", "experiment", "cell.", "model.hidden_size")


def main() -> None:
    """The console command. Exit code 2 for a wrong setting or a cell that the backend cannot run."""
    answer("rnnbench-explain", "run it again", USAGE, explain_cell, USED)


def explain_cell(arguments: list[str]) -> None:
    """Print the source. Raises SettingError."""
    from rnnbench.backends.fused import explain
    from rnnbench.cli.arguments import composed
    from rnnbench.cli.composer import settings_of
    from rnnbench.runs.components import component, construct

    settings = settings_of(composed(arguments, "rnnbench-explain", USED))
    cell = construct(component(settings.cell, "cell"), "cell", 2, settings.model.hidden_size)
    print(construct(explain, "model", cell))
