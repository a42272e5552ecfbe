import re
from pathlib import Path

import pytest

from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.datasets import shared
from pipeline.datasets.shared import Dataset, NamedFile


def dataset(**patterns):
    return Dataset(
        name="some",
        title="Some",
        citation="none",
        terms="none",
        published_by="nobody",
        class_base=1,
        patterns={modality: re.compile(pattern) for modality, pattern in patterns.items()},
        readers={},
        subjects={},
    )


def test_a_dataset_that_is_not_there_is_refused_with_those_there_are():
    with pytest.raises(ParamsError, match=r"the datasets are \[.*'ntu120', 'ntu60',.*'utd_mhad'\]"):
        shared.load("ntu61")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("kitchen", "no_list", "up"):
        (tmp_path / "data/raw" / name).mkdir(parents=True)
    (tmp_path / "data/raw/kitchen/manifest.csv").touch()
    (tmp_path / "data/manifest.csv").touch()


def test_a_collection_of_the_users_own_is_read_as_manifest_under_its_name(checkout):
    kitchen, manifest = shared.load("kitchen"), shared.load("manifest")
    assert (kitchen.name, shared.member_of("kitchen")) == ("kitchen", "manifest")
    assert (kitchen.readers, kitchen.patterns, kitchen.annotations) == (
        manifest.readers,
        manifest.patterns,
        manifest.annotations,
    )
    assert shared.member_of("ntu60") == "ntu60"


@pytest.mark.parametrize("name", ["no_list", "gone", "..", "up/..", "Kitchen", "a-b", ""])
def test_what_brings_no_manifest_is_no_collection(checkout, name):
    with pytest.raises(ParamsError, match="a collection of your own has a data/raw/"):
        shared.load(name)


def test_a_file_name_tells_what_its_pattern_has_groups_for():
    some = dataset(
        skeleton=r"(?:^|/)(?P<recording>a(?P<class>\d+)_s(?P<subject>\d+))\.mat$",
        depth=r"(?P<recording>a(?P<class>\d+)(?:_c(?P<camera>\d+))?)\.png$",
    )
    expected = NamedFile("skeleton", "a10_s03", 9, subject=3, camera=None, setup=None, replication=None)
    assert shared.named_file(some, "x/y/a10_s03.mat") == expected
    assert shared.named_file(some, "a1_c0.png").camera == 0
    assert shared.named_file(some, "a1.png").camera is None
    assert shared.named_file(some, "xa10_s03.mat") is None
    assert shared.named_file(some, "a10_s03.mat.bak") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class_id,context\n0,waves\n", "expected the columns"),
        ("class_id,name,context\n1,wave,\n", "expected class 0"),
        ("class_id,name,context\n0,wave,\n0,clap,\n", "expected class 1"),
        ("class_id,name,context\n0,,\n", "with a name"),
        ("class_id,name,context\n0,wave,\n1\n", "line 3: 1 columns"),
        ('class_id,name,context\n0,"wa\nve",\n', "with a name"),
        ('class_id,name,context\n0,"wave', "not CSV"),
    ],
)
def test_a_damaged_class_list_is_refused(tmp_path, text, message):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(FormatError, match=message):
        shared.read_classes(tmp_path / "c.csv")


def test_a_long_class_list_is_read_to_its_end(tmp_path):
    lines = [f"{class_id},class {class_id},{'how it is done ' * 99}" for class_id in range(900)]
    (tmp_path / "c.csv").write_text("\n".join(["class_id,name,context", *lines]))
    assert len(shared.read_classes(tmp_path / "c.csv")) == 900


@pytest.mark.parametrize("twin", ["wave", "Wave", " wave ", "WAVE\t"])
def test_two_classes_of_one_name_are_refused(twin):
    with pytest.raises(DataError, match=r"here: classes 0 and 2 have the same name '.*both seen and unseen"):
        shared.check_names(["wave", "clap", twin], "here")


def test_names_that_differ_in_a_letter_are_two_classes():
    shared.check_names(["swipe left", "swipe  left 2", "swipeleft"], "here")


def test_a_dataset_without_published_splits_has_none():
    assert shared.published_splits("no_such_dataset") == {}
    assert shared.class_file("demo") == Path(shared.__file__).parent / "classes" / "demo.csv"
