"""README and docs/ stay true: their commands, Python and YAML work, and their links lead somewhere."""

import importlib
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.compute.shared import Compute
from pipeline.core import checkout, members, params, profiles
from tests.conftest import Checkout

ROOT = Path(__file__).parents[1]
FOLDERS = (".", "docs", "data", "features", "reports")
TEXTS = {
    str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
    for folder in FOLDERS
    for file in sorted((ROOT / folder).glob("*.md"))
}
PAGES = {name: text for name, text in TEXTS.items() if name == "README.md" or name.startswith("docs/")}
# `make` installs; links and lines that end with `# real data` need real recordings.
NOT_RUN = ("#", "make ", "source ", "ln -s")
# Pages whose commands run in a smaller world of their own.
RUN_BY = {"docs/recognise.md": "test_recognise_page.py", "docs/field.md": "field/test_field_profiles.py"}
STAGES = members.names("pipeline.steps")
RUN_HERE = [name for name in PAGES if name not in RUN_BY]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def command_lines(text: str) -> list[str]:
    return [line for block in blocks(text, "bash") for line in block.splitlines() if line]


def words(line: str) -> tuple[str, ...]:
    return tuple(shlex.split(line, comments=True))


def to_run() -> dict[str, list[tuple[str, ...]]]:
    """The commands of each page that run in the fixtures world; one that several pages have, on the first alone."""
    seen: set[tuple[str, ...]] = set()
    pages: dict[str, list[tuple[str, ...]]] = {}
    for name in RUN_HERE:
        lines = [line for line in command_lines(PAGES[name]) if not line.startswith(NOT_RUN)]
        commands = dict.fromkeys(words(line) for line in lines if not line.endswith("# real data"))
        pages[name] = [command for command in commands if command not in seen]
        seen.update(commands)
    return {name: commands for name, commands in pages.items() if commands}


COMMANDS = to_run()


@pytest.fixture(scope="module")
def world(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of the finished checkout that all pages share."""
    folder = tmp_path_factory.mktemp("docs") / "copy"
    shutil.copytree(finished.folder, folder, symlinks=True)
    return Checkout(folder)


def run(world: Checkout, command: tuple[str, ...]) -> None:
    """`unseen` runs in this process, so that its imports cost once."""
    if command[0] != "unseen":
        world.run(*command)
        return
    result = CliRunner().invoke(app, command[1:])
    assert (result.exit_code, result.exception) == (0, None), (command, result.output)


@pytest.mark.world
@pytest.mark.parametrize("page", COMMANDS)
def test_the_commands_run(world: Checkout, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(world.folder)
    monkeypatch.setattr(checkout, "check", lambda _: None)  # the world is a copy of this code, which runs here
    for command in COMMANDS[page]:
        run(world, command)


@pytest.mark.world
@pytest.mark.parametrize("page", [name for name in RUN_HERE if blocks(PAGES[name], "python")])
def test_the_python_runs(world: Checkout, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(world.folder)
    for block in blocks(PAGES[page], "python"):
        exec(block, {})


def test_there_are_commands_to_run() -> None:
    assert {"README.md", "docs/commands.md", "docs/transfer.md", "docs/scene_graphs.md"} <= set(COMMANDS)
    assert sum(map(len, COMMANDS.values())) >= 20


@pytest.mark.parametrize("page", RUN_BY)
def test_other_pages_are_run_by_a_test_of_their_own(page: str) -> None:
    assert page in (ROOT / "tests" / RUN_BY[page]).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [name for name in TEXTS if name != "CHANGELOG.md"])
def test_every_command_that_a_page_names_is_one(page: str) -> None:
    """Also those on real data, and those within a line: sub-commands, stages and targets of make exist."""
    in_line = re.findall(r"`((?:unseen|dvc repro|make) [^`\n]+)`", TEXTS[page])
    for command in {words(line) for line in (*command_lines(TEXTS[page]), *in_line)}:
        if command[:1] == ("unseen",):
            assert CliRunner().invoke(app, [*command[1:], "--help"]).exit_code == 0, command
        elif command[:2] == ("dvc", "repro"):
            named = [word.partition("@")[0] for word in command[2:] if not word.startswith(("-", "<"))]
            assert set(named) <= set(STAGES), command
        elif command[:1] == ("make",):
            assert f"\n{command[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), command


LINKED = sorted(
    {words(line)[-1] for text in PAGES.values() for line in command_lines(text) if line.startswith("ln -s")}
)


@pytest.mark.parametrize("target", LINKED)
def test_a_fresh_clone_has_the_folder_that_a_link_is_made_in(target: str) -> None:
    tracked = ["git", "ls-files", str(Path(target).parent)]
    assert subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def yaml_blocks() -> list[Any]:
    found = [(name, block) for name, text in PAGES.items() for block in blocks(text, "yaml")]
    return [pytest.param(block, id=f"{name} {place}") for place, (name, block) in enumerate(found)]


@pytest.mark.parametrize("block", yaml_blocks())
def test_yaml_is_a_profile_or_sections_of_one(block: str) -> None:
    """Written out, its stages understand every row, and what stands beside rows has the keys that the demo has."""
    demo = yaml.load((ROOT / "params.yaml").read_bytes(), yaml.CSafeLoader)
    short = yaml.safe_load(block)
    tree = profiles.expand(short, [stage for stage in short if stage != "report"], Path("own.yaml"))
    for stage, section in tree.items():
        step = importlib.import_module(f"pipeline.steps.{stage}")
        model = getattr(step, {"evaluate": "EvaluateRow"}.get(stage, "Row"), None)
        for name, row in section.pop("rows", {}).items():
            params.parse(model, row, f"{stage}.rows.{name}")
        for method, variants in section.pop("methods", {}).items():
            for variant in variants.values():
                params.parse(members.load("pipeline.models.methods", method).Params, variant, method)
        if section.get("compute", {}).get("engine") is not None:  # engines have keys of their own
            params.parse(Compute, section["compute"], stage)
            section["compute"] = demo[stage]["compute"]
        if stage == "report":
            params.parse(step.Report, section, stage)
        else:
            assert {key: value.keys() for key, value in section.items()} == {
                key: value.keys() for key, value in demo[stage].items() if key not in ("rows", "methods")
            }


@cache
def keys_of_params() -> set[str]:
    files = [*(ROOT / "pipeline/profiles").glob("*.yaml"), ROOT / "dvc.yaml"]
    return {key for file in files for key in re.findall(r"([\w-]+):(?=[\s{]|$)", file.read_text(encoding="utf-8"))}


def keys_told(text: str) -> set[str]:
    """The keys in code within a line, such as `sampling: {num_frames, stride: 0}`."""
    codes = [code for code in re.findall(r"`([^`\n]+)`", text) if re.match(r"[a-z]\w*: \S", code)]
    return {key for code in codes for key in re.findall(r"\b([a-z]\w*):(?= )", code)}


@pytest.mark.parametrize("page", PAGES)
def test_a_key_of_params_that_a_page_tells_is_one(page: str) -> None:
    assert keys_told(PAGES[page]) - keys_of_params() == set()


@cache
def anchors(name: str) -> set[str]:
    """The headings of a page as links name them."""
    text = re.sub(r"```.*?```", "", TEXTS[name], flags=re.DOTALL)
    slugs = [
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    ]
    return {
        slug if not slugs[:place].count(slug) else f"{slug}-{slugs[:place].count(slug)}"
        for place, slug in enumerate(slugs)
    }


def leads_somewhere(page: str, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = ((ROOT / page).parent / path).resolve() if path else ROOT / page
    if not file.exists():
        return False
    return not anchor or anchor in anchors(str(file.relative_to(ROOT)))


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", TEXTS[page], flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not target.startswith("https://")]
    assert [target for target in targets if not leads_somewhere(page, target)] == []


def test_code_and_profiles_name_pages_that_exist() -> None:
    files = [file for end in ("py", "yaml", "json") for file in (ROOT / "pipeline").rglob(f"*.{end}")]
    named = {
        (file.name, target)
        for file in files
        for target in re.findall(r"\bdocs/\w+\.md(?:#[\w-]+)?", file.read_text(encoding="utf-8"))
    }
    assert ("stamp.py", "docs/data.md") in named
    assert [pair for pair in sorted(named) if not leads_somewhere("README.md", pair[1])] == []


def test_nothing_sends_to_a_heading_that_readme_no_longer_has() -> None:
    """The long README is now pages of docs/."""
    files = [ROOT / name for name in TEXTS if name != "CHANGELOG.md"]
    files += [file for end in ("py", "yaml") for file in (ROOT / "pipeline").rglob(f"*.{end}")]
    sent = re.compile(r"README, ['*]|README says|see README")
    assert [file.name for file in files if sent.search(file.read_text(encoding="utf-8"))] == []


def test_readme_is_one_page_and_opens_with_the_picture() -> None:
    text = TEXTS["README.md"]
    assert text.count("\n") <= 120
    assert text.index("docs/dag.svg") < text.index("make demo")


@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"README.md", "docs/README.md"}))
def test_a_page_says_what_it_is_for_and_is_in_the_index_and_in_readme(page: str) -> None:
    title, blank, opening = PAGES[page].splitlines()[:3]
    assert title.startswith("# ")
    assert blank == ""
    assert opening.startswith("This page ")
    assert f"]({Path(page).name})" in PAGES["docs/README.md"]
    assert f"]({page})" in PAGES["README.md"]
