"""One verb, five places: dvc.yaml, stages/, params.yaml, the artefact folders and the tests cannot drift apart."""

from pathlib import Path

import pytest

from pipeline.commands import profile
from pipeline.core import dag, members, params
from pipeline.reporting import dag as picture
from pipeline.steps import fingerprint

ROOT = Path(__file__).parents[1]
COLUMNS = ("data", "features", "reports")
STAGES = dag.read_stages(ROOT / "dvc.yaml")
UNTOLD = {"fingerprint"}  # the only stage without params
INSTANCES = [
    pytest.param(instance, id=f"{name}:{instance.name}")
    for name in profile.names()
    for instance in dag.instances(ROOT / "dvc.yaml", profile.tree(name))
]


def test_every_stage_is_a_file_and_every_file_a_stage() -> None:
    files = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert files == set(STAGES)


def test_every_stage_has_a_section_of_params_and_every_section_a_stage() -> None:
    assert set(params.read(ROOT / "params.yaml")) == set(STAGES) - UNTOLD


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_is_complete(name: str) -> None:
    assert set(profile.tree(name)) == set(STAGES) - UNTOLD


def test_the_committed_params_are_the_demo_profile() -> None:
    assert (ROOT / "params.yaml").read_text() == profile.text("demo")


def test_the_committed_picture_is_what_dvc_yaml_says() -> None:
    drawn = picture.svg(ROOT / "dvc.yaml", profile.tree("demo"))
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
    # A source folder is declared by its stamp. DVC takes dvc.yaml for no dependency; its picture is one, and
    # test_the_committed_picture_is_what_dvc_yaml_says compares the two.
    stands_for = {"dvc.yaml": "docs/dag.svg"}
    missing = {path for path in given - declared if not declared & {f"{path}.stamp", stands_for.get(path)}}
    assert missing == set()


@pytest.mark.parametrize("instance", INSTANCES)
def test_a_stage_writes_only_below_a_folder_of_its_name(instance: dag.Instance) -> None:
    assert {(out.split("/")[0] in COLUMNS, out.split("/")[1]) for out in instance.outs} == {(True, instance.stage)}


@pytest.mark.parametrize("instance", INSTANCES)
def test_a_stage_depends_on_the_digest_of_its_code(instance: dag.Instance) -> None:
    if instance.stage == "fingerprint":
        assert set(instance.deps) == {"pipeline", "stages"}
    else:
        assert f"data/fingerprint/{instance.stage}.txt" in instance.deps


def test_every_digest_that_a_stage_depends_on_is_written(tmp_path: Path) -> None:
    fingerprint.fingerprint(out=tmp_path / "fingerprint")
    written = {f"data/fingerprint/{path.name}" for path in (tmp_path / "fingerprint").iterdir()}
    needed = {dep for param in INSTANCES for dep in param.values[0].deps if dep.startswith("data/fingerprint/")}
    assert sorted(needed - written) == []


@pytest.mark.parametrize("instance", [param for param in INSTANCES if param.values[0].stage == "prompt"])
def test_all_texts_that_a_row_of_prompt_reads_are_dependencies(instance: dag.Instance) -> None:
    _, _, descriptions = instance.cmd.partition("--descriptions ")
    assert {"pipeline/datasets/classes", descriptions.split()[0]} <= set(instance.deps)


def test_no_file_of_code_is_a_dependency_of_a_stage_but_through_its_digest() -> None:
    deps = {dep for param in INSTANCES for dep in param.values[0].deps if param.values[0].stage != "fingerprint"}
    assert sorted(dep for dep in deps if dep.endswith(".py")) == []
