from pathlib import Path

import pytest
import yaml

from pipeline import profiles
from pipeline.core import params
from pipeline.core.errors import ParamsError


class Optimizer(params.Params):
    lr: float
    betas: tuple[float, float]
    name: str


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(
        "align:\n  optimizer: {lr: 1, betas: [0.9, 0.95], name: adam}\n"
        "  rows:\n    a: {lr: 1.0e-3, betas: [0.9, 0.95], name: sgd}\n"
    )
    return path


def test_a_section_becomes_a_typed_model(file: Path) -> None:
    assert params.load(Optimizer, "align.optimizer", file) == Optimizer(lr=1.0, betas=(0.9, 0.95), name="adam")


def test_a_row_is_found_by_stage_and_key(file: Path) -> None:
    assert params.row(Optimizer, "align", "a", file).name == "sgd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("align:\n  optimizer: {lr: 1, betas: [0, 1]}", "align.optimizer.*missing key 'name'"),
        ("align:\n  optimizer: {lr: 1, betas: [0, 1], name: a, momentum: 2}", "unknown key 'momentum'"),
        ("align:\n  optimizer: {lr: fast, betas: [0, 1], name: a}", "key 'lr'.*found 'fast'"),
        ("align:\n  optimizer: {lr: 1e-5, betas: [0, 1], name: a}", "key 'lr'.*found '1e-5'"),
        ("align:\n  optimiser: {}", "no section 'align.optimizer': 'optimizer' is missing; found .*optimiser"),
        ("align: 3", "'optimizer' is missing; found int"),
        ("- 1", "expected sections"),
        ("align: {a: 1, a: 2}", "line 1: key 'a' is given twice"),
        ("align: [", "not YAML"),
        ("2: {}\nb: {}", r"'align' is missing; found \['2', 'b'\]"),
        ("align:\n  optimizer: {lr: 1, betas: [0, 1], name: 2026-01-31}", "'align.optimizer': .*date.*in quotes"),
    ],
)
def test_a_fault_is_one_line_that_names_file_section_and_key(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(ParamsError, match=message) as caught:
        params.load(Optimizer, "align.optimizer", file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ParamsError, match="not UTF-8"):
        params.read(file)


@pytest.mark.parametrize(
    ("rows", "message"), [("", "found NoneType"), ("[a]", "found list"), ("{2: {}, b: {}}", "'2'")]
)
def test_rows_that_are_no_rows_by_name_are_one_line(tmp_path: Path, rows: str, message: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f"align:\n  rows: {rows}")
    with pytest.raises(ParamsError, match=f"section 'align.rows'.*{message}"):
        params.row(Optimizer, "align", "a", file)


def test_a_missing_row_lists_the_rows_there_are(file: Path) -> None:
    with pytest.raises(ParamsError, match=r"section 'align.rows' has no row 'b'; found \['a'\]"):
        params.row(Optimizer, "align", "b", file)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="unseen profile use demo"):
        params.read(tmp_path / "params.yaml")


DOUBLED = "a: &a0 [1, 2]\n" + "".join(f"k{i}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(60))
MERGED = "a: &a0 {x: 1}\n" + "".join(f"k{i}: &a{i + 1} {{<<: [*a{i}, *a{i}]}}\n" for i in range(60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DOUBLED, "more than 1000000 values, those that '\\*' repeats counted"),
        (MERGED, "not YAML"),
        ("a: &a [*a]", "more than 1000000 values"),
        ("a: " + "[" * 5000, "not YAML"),
        ("a: " + "[" * 60_000 + "]" * 60_000, "not YAML"),
        ("a:\n" + "- " * 60_000 + "b", "not YAML"),
        ("a: " + "1" * 5000, "not YAML"),
        ("a: 2026-99-99", "not YAML"),
        ("a: !!int ''", "not YAML"),
        ("a: !!timestamp x", "not YAML"),
        ("a: !!bool x", "not YAML"),
        ("a: \x07", "not YAML"),
        ("? [1]\n: 2", "a key should be a name"),
        ("? 2026-01-31\n: 2", "a key should be a name"),
    ],
)
def test_a_file_that_means_harm_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParamsError, match=message):
        params.read(tmp_path / "params.yaml")


@pytest.mark.parametrize("profile", sorted(Path(profiles.__file__).parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_profile_says_what_plain_yaml_reads(profile: Path) -> None:
    assert params.read(profile) == yaml.safe_load(profile.read_text())


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="a folder, expected parameters"):
        params.read(tmp_path)


@pytest.mark.parametrize("lr", [".nan", ".inf"])
def test_a_number_that_is_not_finite_is_refused(tmp_path: Path, lr: str) -> None:
    (tmp_path / "params.yaml").write_text(f"a: {{lr: {lr}, betas: [0.9, 0.95], name: adam}}")
    with pytest.raises(ParamsError, match="section 'a': Out of range float"):
        params.load(Optimizer, "a", tmp_path / "params.yaml")


class Inner(params.Params):
    num_threads: int


class Outer(params.Params):
    seeds: list[int]
    inner: Inner


def test_a_mistyped_key_is_asked_about() -> None:
    with pytest.raises(ParamsError, match=r"unknown key 'inner\.num_thread' \(did you mean 'num_threads'\?\)"):
        params.parse(Outer, {"seeds": [0], "inner": {"num_thread": 1}}, "a")
    with pytest.raises(ParamsError, match=r"unknown key 'seed' \(did you mean 'seeds'\?\)"):  # beside the right one
        params.parse(Outer, {"seeds": [0], "seed": [1], "inner": {"num_threads": 1}}, "a")
