"""README.md stays true: its commands run in a tiny world, its links lead somewhere, its table is in BENCHMARKS.md."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
# `make` installs; links and lines that end with `# real data` need real recordings.
LEFT_OUT = ("make ", "source ", "ln -s")
COMMANDS = [
    line
    for block in BLOCKS
    for line in block.splitlines()
    if line and not line.startswith(("#", *LEFT_OUT)) and not line.endswith("# real data")
]
Checkout = Any  # of tests/conftest.py


@pytest.mark.world
def test_the_commands_run(checkout: Checkout) -> None:
    for command in COMMANDS:
        checkout.run(*shlex.split(command, comments=True))


@pytest.mark.parametrize("line", [line for block in BLOCKS for line in block.splitlines() if line.startswith("ln -s")])
def test_a_fresh_clone_has_the_folder_that_a_link_is_made_in(line: str) -> None:
    folder = Path(shlex.split(line, comments=True)[-1]).parent
    tracked = subprocess.run(["git", "ls-files", str(folder)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout


def test_a_message_that_sends_to_the_readme_names_a_heading_of_it() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "pipeline").rglob("*.py")]
    named = [heading for text in sources for heading in re.findall(r"README, '([^']+)'", text)]
    assert named
    assert {heading for heading in named if f"\n## {heading}\n" not in README} == set()


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_a_link_leads_somewhere(target: str) -> None:
    assert target.startswith("https://") or (ROOT / target).exists()


def test_the_picture_of_the_pipeline_opens_it() -> None:
    assert README.index("docs/dag.svg") < README.index("make demo")
