"""What README and docs say can be followed: links lead somewhere, commands compose, no page is left alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from rnnbench.cli import dashboard, explain, report, sync
from rnnbench.cli.arguments import composed, overrides
from rnnbench.cli.configuration import settings_of
from rnnbench.cli.menu import choices, own_directories
from rnnbench.cli.sweep import swept_jobs
from rnnbench.runs.catalogue import configuration_directory
from tests.cli.conftest import Command
from tests.docs.markdown import COMMANDS, PAGES, ROOT, anchors, answers, commands, links, named_files, tables

EVERY_COMMAND = [(page.name, words) for page in PAGES for words in commands(page)]
EVERY_ANSWER = [(page.name, words, answer) for page in PAGES for words, answer in answers(page)]

USED = {"rnnbench-explain": explain.USED, "rnnbench-sync": sync.USED, "rnnbench-dashboard": dashboard.USED}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        targets = {(page.parent / link.partition("#")[0]).resolve() for page in new for link in links(page)}
        new = {target for target in targets if target.suffix == ".md" and target in PAGES} - reached
    assert reached == set(PAGES)


def test_there_are_commands_to_check() -> None:
    assert {words[0] for _, words in EVERY_COMMAND} == set(COMMANDS)
    assert EVERY_ANSWER


def covering_jobs(settings: list[str]) -> Iterator[list[str]]:
    """Jobs of the sweep in which every swept value occurs; one job where nothing is swept."""
    seen: set[str] = set()
    for job in swept_jobs({}, {}, [re.sub(r"=tag\(log, interval\((\S+), \S+\)\)$", r"=\1", each) for each in settings]):
        if not seen or not seen.issuperset(job):
            seen |= set(job)
            yield job


@pytest.mark.usefixtures("own_components")
@pytest.mark.parametrize(("page", "words"), EVERY_COMMAND, ids=lambda value: value if isinstance(value, str) else None)
def test_commands_compose(page: str, words: list[str]) -> None:
    command, *arguments = words
    if "--help" in arguments:
        return
    if command == "rnnbench-report":
        report.request(arguments)
        return
    if "hydra/sweeper=optuna" in arguments:
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    if command in USED:
        composed(arguments, command, USED[command])
        return
    search_path = ",".join(f"file://{folder.resolve()}" for folder in own_directories(arguments))
    with initialize_config_dir(str(configuration_directory()), version_base="1.3"):
        for job in covering_jobs(overrides(arguments)):
            job = [*job, f"hydra.searchpath=[{search_path}]"]
            config = compose("config", overrides=job, return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            settings_of(config)


@pytest.mark.parametrize(("page", "words", "answer"), EVERY_ANSWER, ids=lambda value: None)
def test_answers_are_those_of_the_program(page: str, words: list[str], answer: str, rnnbench: Command) -> None:
    assert words[0] == "rnnbench"
    assert rnnbench(*words[1:]) == (2, "", f"{answer}\n")


def test_the_notebook_example_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/usage.md").read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(example, {})


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z]+)(?:$|`)", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_are_whole(page: Path) -> None:
    for table in tables(page):
        assert set(table[1]) == {"---"}, table[0]
        assert {len(row) for row in table} == {len(table[0])}, table[0]


@pytest.mark.parametrize("group", ["cell", "task", "experiment"])
def test_the_menu_names_every_choice(group: str) -> None:
    named = set(re.findall(r"`(\w+)`", (ROOT / "docs/menu.md").read_text()))
    small = {name.removesuffix("_full") for name in choices(group, [configuration_directory()])}
    assert small <= named


def test_columns_of_the_definitions_exist() -> None:
    rows = re.findall(r"^\| columns \| (.*) \|$", (ROOT / "docs/measurements.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    known = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "results/README.md").read_text(), re.MULTILINE))
    assert len(rows) >= 6
    assert {name.removesuffix("_initial") for name in named} <= known


def test_tests_named_on_a_page_exist() -> None:
    there = set(re.findall(r"^def (test_\w+)", "".join(path.read_text() for path in ROOT.glob("tests/**/*.py")), re.M))
    for page in PAGES:
        assert set(re.findall(r"`(test_\w+)`", page.read_text())) <= there, page.name


def test_paths_named_in_running_text_exist() -> None:
    places = r"`((?:rnnbench|tasks|conf|tests|docs)/[\w/.]*)`"
    shown = {path for page in PAGES for path, _ in named_files(page)}
    for page in PAGES:
        for path in re.findall(places, page.read_text()):
            assert (ROOT / path).exists() or "my_" in path or path in shown, f"{page.name}: {path}"
