"""make mutants: small faults put into the modules that decide numbers, one at a time; do their tests notice?

mutmut makes the faults (https://mutmut.readthedocs.io) in a copy of the checkout below .cache/mutants and runs, of the
tests named here, those that call the changed function. MUTANTS (a target, or all), MUTANTS_SAMPLE (faults tried of each
target, 0 = all of them), MUTANTS_SEED (which).

Texts of errors are left alone, and so is what stands outside of functions: tables, defaults and types.
"""

import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".cache/mutants")
STATES = ("killed", "survived", "timeout", "no tests")
# Lines of text alone, and those on which an error with a text is raised.
TEXTS = [r'^\s*f?".*"\s*[,)]*$', r"^\s*raise \w+\(f?\"", r"^\s*raise \w+\($"]


@dataclass(frozen=True)
class Target:
    """Files to put faults into, as patterns, and the tests that have to notice."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


TARGETS = {
    "roles": Target(("pipeline/core/roles.py",), ("tests/core/test_roles.py", "tests/steps/test_split.py")),
    "leakage": Target(
        ("pipeline/evaluation/leakage.py",), ("tests/evaluation/test_leakage.py", "tests/steps/test_evaluate.py")
    ),
    "metrics": Target(("pipeline/evaluation/metrics.py",), ("tests/evaluation/test_metrics.py",)),
    "program": Target(("pipeline/transfer/program.py",), ("tests/transfer/test_program.py",)),
    "store": Target(("pipeline/core/store.py",), ("tests/core/test_store.py",)),
    "losses": Target(
        ("pipeline/models/losses.py", "pipeline/models/*/losses.py"),
        (
            "tests/models/test_losses.py",
            "tests/models/dvta",
            "tests/models/rest/test_losses.py",
            "tests/models/tdsm",
            "tests/models/vae",
        ),
    ),
    "methods": Target(("pipeline/models/methods/*.py",), ("tests/models/methods", "tests/contracts/test_methods.py")),
}


def main() -> None:
    """Run what the variables ask for; ends with 1 where a target's tests do not pass without a fault."""
    wanted, size = os.environ.get("MUTANTS", "all"), int(os.environ.get("MUTANTS_SAMPLE", "0"))
    seed = int(os.environ.get("MUTANTS_SEED", "0"))
    for name in TARGETS if wanted == "all" else [wanted]:
        target = TARGETS[name]
        folder = copied(FOLDER / name, target)
        mutants = made(folder)
        chosen = mutants if not size else sorted(random.Random(seed).sample(mutants, min(size, len(mutants))))
        mutmut(folder, "run", "--max-children", os.environ.get("JOBS", "2"), *chosen)
        print(f"{name}: {len(chosen)} of {len(mutants)} mutants, seed {seed}", flush=True)
        tell(folder, mutants, states(folder, chosen))


def copied(folder: Path, target: Target) -> Path:
    """The project as git would give it, with mutmut told what to change and what to run."""
    shutil.rmtree(folder, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True
    )
    names = [name for name in listed.stdout.decode().split("\0") if name and Path(name).is_file()]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, folder / name)
    settings = {
        "source_paths": ["pipeline/"],
        "only_mutate": target.files,
        "also_copy": sorted({name.partition("/")[0] for name in names} - {"pipeline"}),
        "do_not_mutate_patterns": TEXTS,
        "pytest_add_cli_args": ["-m", "not world", "-p", "no:cacheprovider", "--hypothesis-seed=0"],
        "pytest_add_cli_args_test_selection": target.tests,
        "timeout_multiplier": 4.0,
        "timeout_constant": 10.0,
    }
    with (folder / "pyproject.toml").open("a") as out:
        out.write("\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return folder


def mutmut(folder: Path, *words: str, code: int | None = 0) -> str:
    """What mutmut prints to such words, run in a copy. It must end with `code`, if there is one."""
    env = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mutmut", *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if code is not None and done.returncode != code:
        sys.exit(f"mutmut {words[0]}: {(done.stdout + done.stderr)[-4000:]}")
    return done.stdout


def made(folder: Path) -> list[str]:
    """The names of all mutants, sorted. mutmut makes them before it sees that none has the name it is asked for."""
    mutmut(folder, "run", "none", code=None)
    files = sorted((folder / "mutants").rglob("*.py.meta"))
    names = [name for file in files for name in json.loads(file.read_text())["exit_code_by_key"]]
    if not names:
        sys.exit(f"{folder}: no mutants; see that its files and tests exist")
    return sorted(names)


def states(folder: Path, chosen: Sequence[str]) -> dict[str, str]:
    """What became of each mutant that was tried, by name."""
    lines = (line.strip().rpartition(": ") for line in mutmut(folder, "results", "--all", "true").splitlines())
    found = {name: state for name, _, state in lines}
    return {name: found[name] for name in chosen}


def tell(folder: Path, mutants: Sequence[str], found: dict[str, str]) -> None:
    """A line a module, then what no test noticed."""
    in_module = Counter(map(module, mutants))
    for of, num in sorted(in_module.items()):
        tried = Counter(state for name, state in found.items() if module(name) == of)
        others = sum(tried.values()) - sum(tried[state] for state in STATES)
        counts = ", ".join(f"{tried[state]} {state}" for state in STATES)
        print(f"  {of}: {num} made, {sum(tried.values())} tried: {counts}, {others} other")
    for name, state in sorted(found.items()):
        if state != "killed":
            print(f"  {state}: {change(folder, name)} [{name.rpartition('.')[2]}]", flush=True)


def module(mutant: str) -> str:
    """The module that a mutant is one of."""
    return mutant.rpartition(".")[0]


def change(folder: Path, mutant: str) -> str:
    """File and line of a mutant, and what it puts there instead."""
    file = module(mutant).replace(".", "/") + ".py"
    lines = mutmut(folder, "show", mutant).splitlines()
    old = [line[1:].strip() for line in lines if re.match(r"-(?!--)", line)]
    new = [line[1:].strip() for line in lines if re.match(r"\+(?!\+\+)", line)]
    hunk = next(line for line in lines if line.startswith("@@"))
    first = next(place for place, line in enumerate(lines[lines.index(hunk) + 1 :]) if line[0] in "-+")
    number = start_of(Path(file), mutant) + int(re.search(r"-(\d+)", hunk)[1]) + first - 1  # type: ignore[index]
    return f"{file}:{number}: {' '.join(old)} -> {' '.join(new)}"


def start_of(file: Path, mutant: str) -> int:
    """The line at which a mutant's function begins, its decorators included."""
    *inside, name = re.sub(r"^x_?|__mutmut_\d+$", "", mutant.rpartition(".")[2]).strip("ǁ").split("ǁ")
    tree: ast.AST = ast.parse(file.read_text())
    for part in (*inside, name):
        found = [node for node in ast.walk(tree) if getattr(node, "name", None) == part]
        tree = next(node for node in found if isinstance(node, ast.ClassDef | ast.FunctionDef))
    assert isinstance(tree, ast.FunctionDef)
    return min([tree.lineno, *(one.lineno for one in tree.decorator_list)])


if __name__ == "__main__":
    main()
