import pytest

from pipeline.core import members
from pipeline.core.errors import ParamsError


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    folder = tmp_path / "shelf_of_test"
    folder.mkdir()
    for name in ("__init__", "_hidden", "shared", "apple", "listing", "pear"):
        (folder / f"{name}.py").write_text(f"NAME = {name!r}\n")
    (folder / "plum").mkdir()
    (folder / "plum" / "__init__.py").write_text("NAME = 'plum'\n")
    (folder / "data").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    return "shelf_of_test"


def test_members_are_the_modules_and_packages_of_a_folder(shelf):
    assert members.names(shelf) == ["apple", "listing", "pear", "plum"]


def test_a_member_is_loaded_by_name(shelf):
    assert members.load(shelf, "pear").NAME == "pear"
    assert members.load(shelf, "plum").NAME == "plum"


@pytest.mark.parametrize("name", ["shared", "_hidden", "fig", "data", "apple.pear", "../apple"])
def test_a_name_that_is_no_member_is_refused_with_those_there_are(shelf, name):
    with pytest.raises(ParamsError, match=r"the shelf_of_test are \['apple', 'listing', 'pear', 'plum'\]"):
        members.load(shelf, name)


def test_a_package_that_is_not_there_is_refused():
    with pytest.raises(ParamsError, match=r"no package 'pipeline\.nowhere'"):
        members.names("pipeline.nowhere")
