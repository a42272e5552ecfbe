import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.closure import Code
from stages import fingerprint

ROOT = Path(fingerprint.__file__).parents[1]


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("code")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        fingerprint.main(out=folder / "fingerprint")
    return {path.stem: path.read_text() for path in (folder / "fingerprint").iterdir()}


def test_every_other_stage_has_a_digest(digests: dict[str, str]) -> None:
    stages = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__", "fingerprint"}
    assert set(digests) >= stages


def test_a_line_is_a_digest_and_a_path(digests: dict[str, str]) -> None:
    lines = [line.split("  ") for line in digests["models.methods.ridge"].splitlines()]
    assert {path: digest for digest, path in lines} == Code().files("pipeline.models.methods.ridge")
    assert "pipeline/models/methods/ridge.py" in {path for _, path in lines}


def test_a_stage_stands_on_no_member_that_a_row_names(digests: dict[str, str]) -> None:
    assert "models/methods/ridge.py" not in digests["align"]
    assert "datasets/utd_mhad" not in digests["ingest"]


def test_rules_of_which_a_row_names_several_are_one(digests: dict[str, str]) -> None:
    assert "negatives/swap_roles.py" in digests["text.negatives"]
    assert "negatives/replace_object.py" in digests["text.negatives"]


def test_a_dataset_stands_on_its_own_lists_and_formats(digests: dict[str, str]) -> None:
    own = digests["datasets.utd_mhad"]
    assert "classes/utd_mhad.csv" in own
    assert "splits/utd_mhad.json" in own
    assert "formats/mat.py" in own
    assert "classes/demo.csv" not in own
    assert "formats/ntu_skeleton.py" not in own


def test_all_package_data_stand_in_some_digest(digests: dict[str, str]) -> None:
    """The command line alone reads profiles and the served page; rows name start files and class texts by path."""
    listed = subprocess.run(["git", "ls-files", "pipeline"], cwd=ROOT, capture_output=True, text=True, check=True)
    apart = (".py", "/profiles/", "/serving/page/", "/clips/", "/text/classes/")
    data = {name for name in listed.stdout.split() if not any(part in name for part in apart)}
    named = {line.split("  ")[1] for text in digests.values() for line in text.splitlines()}
    assert sorted(data - named) == []
    assert len(data) > 30


def test_the_stage_imports_none_of_what_it_reads(tmp_path: Path) -> None:
    code = "import sys; from stages import fingerprint; fingerprint.main(out=__import__('pathlib').Path(sys.argv[1])); "
    code += "sys.exit(bool({'torch', 'numpy', 'pipeline.modalities', 'pipeline.datasets'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "fingerprint")]
    assert subprocess.run(command, cwd=tmp_path, env=environment).returncode == 0


def test_a_collection_stands_on_the_dataset_of_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "{demo: {source: data/raw/demo}, kitchen: {source: data/raw/kitchen}}"
    Path("params.yaml").write_text(f"ingest: {{rows: {rows}}}\n")
    fingerprint.main(out=Path("out"))
    assert Path("out/datasets.kitchen.txt").read_text() == Path("out/datasets.manifest.txt").read_text()
    assert Path("out/datasets.demo.txt").read_text() != Path("out/datasets.manifest.txt").read_text()


def test_streams_stand_on_every_encoder_that_they_may_be_of(digests: dict[str, str]) -> None:
    for encoder in ("ctr_gcn", "shift_gcn", "stgcn", "streams"):
        assert f"skeleton/{encoder}.py" in digests["modalities.skeleton.streams"]
    assert "skeleton/ctr_gcn.py" not in digests["modalities.skeleton.stgcn"]
