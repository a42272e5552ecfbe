import networkx as nx
import pytest

from pipeline.core.errors import DataError
from pipeline.core.joints import COCO17, KINECT20, LAYOUTS, NTU25, OPENPOSE18, JointLayout, find, is_layout, own


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
class TestLayout:
    def test_the_bones_form_a_tree_whose_root_is_the_centre(self, layout: JointLayout) -> None:
        tree = nx.DiGraph(layout.edges)
        assert set(tree) == set(range(layout.num_joints))
        assert nx.is_tree(tree)
        assert [joint for joint in tree if tree.out_degree(joint) == 0] == [layout.centre]

    def test_the_number_in_the_name_is_the_number_of_joints(self, layout: JointLayout) -> None:
        assert layout.name.endswith(str(layout.num_joints))

    def test_names_are_unique_and_both_sides_exist(self, layout: JointLayout) -> None:
        assert len(set(layout.names)) == layout.num_joints
        mirrored = {n.replace("left", "*").replace("right", "left").replace("*", "right") for n in layout.names}
        assert mirrored == set(layout.names)

    def test_shoulders_are_right_then_left(self, layout: JointLayout) -> None:
        assert [layout.names[joint] for joint in layout.shoulders] == ["shoulder_right", "shoulder_left"]


def test_ntu_indices_are_those_the_papers_use() -> None:
    # 1-based joint 21 is the centre; recipes rotate by joints 8 -> 4 and 0 -> 1 (0-based).
    assert (NTU25.centre, NTU25.shoulders, NTU25.names[0], NTU25.names[1]) == (20, (8, 4), "spine_base", "spine_mid")


def test_the_other_layouts_have_their_published_order() -> None:
    assert (KINECT20.names[3], KINECT20.names[19], KINECT20.centre) == ("hip_centre", "foot_right", 1)
    assert (OPENPOSE18.names[1], OPENPOSE18.names[4], OPENPOSE18.centre) == ("neck", "wrist_right", 1)
    assert (COCO17.names[5], COCO17.names[16]) == ("shoulder_left", "ankle_right")


NAMES = ("hip", "neck", "shoulder_left", "shoulder_right")
PARENTS = {"neck": "hip", "shoulder_left": "neck", "shoulder_right": "neck"}
SIDES = ("shoulder_right", "shoulder_left")


@pytest.mark.parametrize("centre", NAMES)
@pytest.mark.parametrize("planar", [False, True])
def test_an_own_layout_is_read_back_from_its_name(centre: str, planar: bool) -> None:
    body = own(NAMES, PARENTS, centre, SIDES, planar=planar)
    assert body.names[body.centre] == centre
    assert find(body.name) == body
    assert is_layout(body.name)
    assert nx.is_isomorphic(nx.Graph(body.edges), nx.Graph([(0, 1), (1, 2), (1, 3)]))


@pytest.mark.parametrize("body", LAYOUTS.values(), ids=LAYOUTS)
def test_an_own_layout_that_is_a_known_one_has_its_name(body: JointLayout) -> None:
    parents: dict[str, str | None] = {body.names[child]: body.names[near] for child, near in reversed(body.edges)}
    right, left = (body.names[joint] for joint in body.shoulders)
    assert own(body.names, parents, body.names[body.centre], (right, left), planar=body.planar) is body
    assert own(body.names, parents, None, (right, left), planar=not body.planar) not in LAYOUTS.values()


@pytest.mark.parametrize(
    "text", ["rgb", "ntu26", "space: ", "space: a b; a b", "space: b>a a; b c", "space: b>a  a; a b"]
)
def test_a_text_that_is_no_layout_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        find(text)
