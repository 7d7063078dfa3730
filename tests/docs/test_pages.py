"""What README and docs say can be followed: links lead somewhere, commands compose, no page is left alone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from rnnbench.cli import dashboard, explain, report, sync
from rnnbench.cli.arguments import composed, settings_and_options
from rnnbench.cli.composer import settings_of
from rnnbench.cli.menu import choices, own_directories
from rnnbench.cli.sweeper import swept_jobs
from rnnbench.runs.catalogue import configuration_directory
from tests.cli.conftest import Command
from tests.docs.markdown import PAGES, ROOT, anchors, answers, commands, links, named_files

EVERY_COMMAND = [(page.name, words) for page in PAGES for words in commands(page)]
EVERY_ANSWER = [(page.name, words, answer) for page in PAGES for words, answer in answers(page)]

USED = {"rnnbench-explain": explain.USED, "rnnbench-sync": sync.USED, "rnnbench-dashboard": dashboard.USED}


def test_links_lead_somewhere_and_every_page_is_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        targets = set()
        for page in new:
            for link in links(page):
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                assert target.exists(), (page, link)
                assert not anchor or anchor in anchors(target), (page, link)
                targets.add(target)
        new = {target for target in targets if target.suffix == ".md" and target in PAGES} - reached
    assert reached == set(PAGES)


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
        for job in covering_jobs(settings_and_options(arguments)[0]):
            job = [*job, f"hydra.searchpath=[{search_path}]"]
            config = compose("config", overrides=job, return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            settings_of(config)


@pytest.mark.parametrize(("page", "words", "answer"), EVERY_ANSWER, ids=lambda value: None)
def test_answers_are_those_of_the_program(page: str, words: list[str], answer: str, rnnbench: Command) -> None:
    assert words[0] == "rnnbench"
    assert rnnbench(*words[1:]) == (2, "", f"{answer}\n")


def test_the_examples_in_python_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of usage.md, and the five lines of README, which say what they print."""
    examples = [
        re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)[0]
        for page in ("docs/usage.md", "README.md")
    ]
    monkeypatch.chdir(ROOT)
    exec(examples[0], {})
    names: dict[str, Any] = {}
    exec(examples[1], names)
    (lost,) = names["gradient"].summary()["gradient_decades_lost"]
    assert abs(lost - float(re.findall(r"about (\d+) decades", examples[1])[0])) < 2


def test_make_targets_and_paths_named_in_running_text_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = {path for page in PAGES for path, _ in named_files(page)}
    for page in PAGES:
        assert set(re.findall(r"(?:^|`)make ([a-z]+)(?:$|`)", page.read_text(), re.MULTILINE)) <= targets, page.name
        for path in re.findall(r"`((?:rnnbench|tasks|conf|tests|docs)/[\w/.]*)`", page.read_text()):
            assert (ROOT / path).exists() or "my_" in path or path in shown, f"{page.name}: {path}"


def test_the_menu_names_every_choice() -> None:
    named = set(re.findall(r"`(\w+)`", (ROOT / "docs/menu.md").read_text()))
    for group in ("cell", "task", "experiment"):
        assert {name.removesuffix("_full") for name in choices(group, [configuration_directory()])} <= named
