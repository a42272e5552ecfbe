"""One verb, five places: dvc.yaml, stages/, params.yaml, the artefact folders and the tests cannot drift apart."""

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

from pipeline.commands import profile
from pipeline.core import dag, members, params
from pipeline.reporting import dag as picture

ROOT = Path(__file__).parents[1]
COLUMNS = ("data", "features", "reports")
STAGES = dag.read_stages(ROOT / "dvc.yaml")
INSTANCES = [
    pytest.param(instance, id=f"{name}:{instance.name}")
    for name in profile.names()
    for instance in dag.instances(ROOT / "dvc.yaml", yaml.safe_load(profile.text(name)))
]
# Modules whose change cannot change an output: they carry messages, times and exit codes.
SILENT = {f"pipeline/core/{name}.py" for name in ("command", "errors", "progress", "rejects", "runs")} - {
    "pipeline/core/rejects.py"  # it decides whether a stage fails
}


def test_every_stage_is_a_file_and_every_file_a_stage() -> None:
    files = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert files == set(STAGES)


def test_every_stage_has_a_section_of_params_and_every_section_a_stage() -> None:
    assert set(params.read(ROOT / "params.yaml")) == set(STAGES)


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_is_complete(name: str) -> None:
    assert set(yaml.safe_load(profile.text(name))) == set(STAGES)


def test_the_committed_params_are_the_demo_profile() -> None:
    assert (ROOT / "params.yaml").read_text() == profile.text("demo")


def test_the_committed_picture_is_what_dvc_yaml_says() -> None:
    drawn = picture.svg(ROOT / "dvc.yaml", ROOT / "pipeline" / "profiles" / "demo.yaml")
    assert (ROOT / "docs" / "dag.svg").read_text(encoding="utf-8") == drawn, "run `unseen dag`"


def test_every_stage_is_proved() -> None:
    proofs = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "stages").glob("test_*.py")}
    assert proofs >= set(STAGES)


def test_every_stage_is_a_step_and_every_step_a_stage() -> None:
    """One file a verb; helpers of a step stand in the layer they belong to."""
    assert members.names("pipeline.steps") == sorted(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_runs_the_file_of_its_name(name: str) -> None:
    assert dag.body(STAGES[name])["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_file_is_thin(name: str) -> None:
    assert len((ROOT / "stages" / f"{name}.py").read_text().splitlines()) <= 50


@pytest.mark.parametrize("instance", INSTANCES)
def test_every_path_a_stage_is_given_is_declared(instance: dag.Instance) -> None:
    given = {
        word
        for word in instance.cmd.split()
        if word.split("/")[0] in COLUMNS or word.endswith((".yaml", ".csv", ".svg"))
    }
    declared = set(instance.deps) | set(instance.outs)
    # A source folder is declared by its stamp.
    missing = {path for path in given - declared if f"{path}.stamp" not in declared}
    assert missing == set()


@pytest.mark.parametrize("instance", INSTANCES)
def test_a_stage_writes_only_below_a_folder_of_its_name(instance: dag.Instance) -> None:
    assert {(out.split("/")[0] in COLUMNS, out.split("/")[1]) for out in instance.outs} == {(True, instance.stage)}


@pytest.mark.parametrize("instance", INSTANCES)
def test_code_deps_exist(instance: dag.Instance) -> None:
    code = [dep for dep in instance.deps if dep.startswith(("stages/", "pipeline/"))]
    assert [dep for dep in code if not (ROOT / dep).exists()] == []


@pytest.mark.parametrize("instance", INSTANCES)
def test_a_change_of_code_reruns_what_it_affects(instance: dag.Instance) -> None:
    """All that the stage and the members its row chose import is declared."""
    members = [dep for dep in instance.deps if dep.startswith("pipeline/") and dep.endswith(".py")]
    used = set().union(*(closure(file) for file in [f"stages/{instance.stage}.py", *members])) - SILENT
    assert sorted(file for file in used if not is_covered(file, instance.deps)) == []


@pytest.mark.parametrize("name", STAGES)
def test_a_change_of_code_reruns_nothing_else(name: str) -> None:
    """Every declared file is imported by the stage or by a member that a profile chooses."""
    mine = [param.values[0] for param in INSTANCES if param.values[0].stage == name]
    chosen = {dep for instance in mine for dep in instance.deps if dep.endswith(".py")}
    fixed = {dep for dep in dag.body(STAGES[name])["deps"] if dep.endswith(".py") and "${" not in dep}
    used = closure(f"stages/{name}.py").union(*(closure(file) for file in chosen - fixed)) - SILENT
    assert sorted(fixed - used) == []


def is_covered(file: str, deps: tuple[str, ...]) -> bool:
    return any(file == dep or file.startswith(f"{dep}/") for dep in deps)


@cache
def closure(file: str) -> set[str]:
    """Files of the project that a file imports, directly or not, itself included; packages without code left out."""
    found: set[str] = set()
    todo = [file]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += imports(current)
    return {path for path in found if has_code(path)}


@cache
def imports(file: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(Path(file).with_suffix("").parts[: -node.level])
            base = f"{package}.{node.module}" if node.module else package
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return [path for name in names if name.split(".")[0] in ("pipeline", "stages") for path in files_of(name)]


def files_of(name: str) -> list[str]:
    """The module's file and the packages above it."""
    parts = name.split(".")
    paths = ["/".join(parts) + ".py", *("/".join([*parts[:end], "__init__.py"]) for end in range(1, len(parts) + 1))]
    return [path for path in paths if (ROOT / path).is_file()]


def has_code(file: str) -> bool:
    tree = ast.parse((ROOT / file).read_text())
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in tree.body)
