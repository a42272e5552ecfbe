"""layout.yaml: what it may say, where it is found, and what is said of one that is wrong."""

from pathlib import Path

import pytest
import yaml

from pipeline.core import joints, stamp
from pipeline.core.errors import ParamsError
from pipeline.formats import skeleton_layout
from pipeline.formats.skeleton_layout import canonical, declared

OWN = {
    "joints": ["hip", "neck", "LShoulder", "RShoulder"],
    "parents": {"neck": "hip", "LShoulder": "neck", "RShoulder": "neck"},
    "unit": "m",
}


def declare(folder: Path, **keys: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "layout.yaml").write_text(yaml.safe_dump(keys))
    return folder


def test_the_nearer_layout_counts_up_to_the_root_of_the_dataset(tmp_path: Path) -> None:
    outer, root = declare(tmp_path, joints="ntu25", unit="m"), tmp_path / "raw/mine"
    inner = declare(root / "a/b", joints="kinect20", unit="m")
    assert skeleton_layout.file_of(inner / "c/x.npy") == inner / "layout.yaml"
    assert skeleton_layout.file_of(root / "a/x.npy") == outer / "layout.yaml"
    (root / "manifest.csv").touch()
    assert declared(root / "a/x.npy") is None
    (root / "manifest.csv").unlink()
    stamp.write(root, [])
    assert declared(root / "a/x.npy") is None
    assert declared(declare(root, joints="coco17", unit="pixels") / "a").joints.name == "coco17"  # type: ignore[union-attr]


def test_a_changed_layout_is_read_anew(tmp_path: Path) -> None:
    for name in ("ntu25", "kinect20"):
        found = declared(declare(tmp_path, joints=name, unit="m"))
        assert found is not None
        assert found.joints.name == name


def test_a_relative_path_finds_the_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(tmp_path, joints="ntu25", unit="m")
    monkeypatch.chdir(tmp_path)
    assert declared(Path("a.npy")) is not None


@pytest.mark.parametrize("name", joints.LAYOUTS)
@pytest.mark.parametrize("spelled", [False, True])
def test_a_known_layout_is_the_same_by_its_name_and_joint_by_joint(tmp_path: Path, name: str, spelled: bool) -> None:
    body = joints.LAYOUTS[name]
    near = dict(body.edges)
    told: dict[str, object] = {"joints": name, "unit": "pixels" if body.planar else "m"}
    if spelled:
        parents = [near.get(joint, -1) for joint in range(body.num_joints)]
        told |= {"joints": list(body.names), "parents": parents}
    found = declared(declare(tmp_path, **told))
    assert found is not None
    assert found.joints == body


def test_estimates_of_a_known_layout_that_were_lifted_into_space_are_an_own_one(tmp_path: Path) -> None:
    found = declared(declare(tmp_path, joints="coco17", unit="mm"))
    assert found is not None
    assert found.joints.name.startswith("space: nose eye_left>nose ")
    assert (found.joints.planar, found.metres, found.num_values) == (False, 0.001, 3)


@pytest.mark.parametrize("parents", [OWN["parents"], [-1, 0, 1, 1], [None, "hip", "neck", "neck"]])
@pytest.mark.parametrize(("centre", "edges"), [(None, {1: 0, 2: 1, 3: 1}), ("neck", {0: 1, 2: 1, 3: 1})])
def test_bones_lead_to_the_centre_however_they_are_told(
    tmp_path: Path, parents: object, centre: str | None, edges: dict[int, int]
) -> None:
    found = declared(declare(tmp_path, **OWN | {"parents": parents, "centre": centre}))
    assert found is not None
    assert dict(found.joints.edges) == edges
    assert (found.joints.centre, found.joints.shoulders) == (1 if centre else 0, (3, 2))
    assert joints.find(found.joints.name) == found.joints


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("RShoulder", "shoulder_right"),
        ("right_shoulder", "shoulder_right"),
        ("RightUpLeg", "up_leg_right"),
        ("lKnee", "knee_left"),
        ("hand.L", "hand_left"),
        ("LeftHandThumb1", "hand_thumb_1_left"),
        ("spine_base", "spine_base"),
        ("L5", "l5"),
        ("Hips", "hips"),
    ],
)
def test_names_are_brought_to_one_form(label: str, name: str) -> None:
    assert canonical(label) == name


@pytest.mark.parametrize("body", joints.LAYOUTS.values(), ids=joints.LAYOUTS)
def test_the_names_of_known_layouts_have_that_form(body: joints.JointLayout) -> None:
    assert [canonical(name) for name in body.names] == list(body.names)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"unit": "metres"}, r"unit: found 'metres'; expected m, cm, mm or a number"),
        ({"unit": 0}, r"layout.yaml: does not fit SkeletonLayout: .*unit"),
        ({"joint": "x"}, "unknown key 'joint'"),
        ({"joints": "kinect"}, r"no known layout 'kinect', did you mean kinect20\?"),
        ({"joints": "ntu25"}, "parents: ntu25 has its bones already"),
        ({"parents": None}, "parents: missing"),
        ({"parents": {"neck": "hip"}}, r"joints without a parent: hip, shoulder_left, shoulder_right"),
        (
            {"parents": {"neck": "hip", "LShoulder": "RShoulder", "RShoulder": "LShoulder"}},
            "hangs on no bone that leads",
        ),
        ({"parents": {"neck": "hips"}}, "no joint 'hips'; the joints are hip, neck"),
        ({"parents": [-1, 0]}, "expected one for each of 4 joints, found 2"),
        ({"parents": [-1, 0, 1, 9]}, "'RShoulder' hangs on joint 9, there are 0 to 3"),
        ({"joints": ["hip", "RShoulder", "LShoulder", "left_shoulder"]}, "joint 'shoulder_left' stands there twice"),
        ({"joints": ["hip", "neck", "a", "b"]}, r"shoulders: no joints shoulder_right and shoulder_left"),
        ({"centre": "chest"}, "no joint 'chest'"),
        ({"axes": "T V"}, r"axes: found 'T V'; expected T \(frames\)"),
        ({"axes": "T T V C"}, "axes: found"),
        ({"axes": "TM VC"}, "T and M in one axis cannot be told apart"),
        ({"columns": "{joint}"}, "columns: expected a name such as"),
        ({"unit": "pixels", "up": "z"}, "`up` and `handed` are of places in space"),
        ({"up": "w"}, "key 'up'"),
    ],
)
def test_a_wrong_layout_is_told_with_its_key(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message) as error:
        declared(declare(tmp_path, **OWN | keys))
    assert str(error.value).startswith(str(tmp_path / "layout.yaml"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- hip\n", r"expected keys such as `joints:` and `unit:` \(docs/formats.md\), found a list"),
        (b"", "expected keys such as .* found nothing"),
        (b"\xff\xfe", "not UTF-8 text .*; write it anew as docs/formats.md says$"),
    ],
)
def test_a_file_that_is_no_layout_is_told_as_one(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "layout.yaml").write_bytes(content)
    with pytest.raises(ParamsError, match=message) as error:
        declared(tmp_path)
    assert "profile use" not in str(error.value)
