import numpy as np
import pytest

from pipeline.core.errors import ParamsError
from pipeline.formats import mat, ntu_skeleton
from pipeline.formats.shared import Skeleton
from pipeline.modalities import skeleton


def test_a_dataset_brings_its_reader(tmp_path):
    assert skeleton.read("utd_mhad") is mat.read_skeleton
    recording = Skeleton("ntu25", np.random.default_rng(0).normal(size=(1, 2, 25, 3)).astype(np.float32), (7,))
    file = tmp_path / "S001C001P001R001A001.skeleton"
    pixels = np.zeros((1, 2, 25, 2), np.float32)
    ntu_skeleton.write(file, recording, pixels, pixels)
    np.testing.assert_array_equal(skeleton.read("ntu60")(file).xyz_MTV3, ntu_skeleton.read(file).xyz_MTV3)


def test_a_recipe_is_found_by_name_and_told_its_options():
    prepare = skeleton.prepare("dvta50", {"num_frames": 4, "num_bodies": 1}, "here")
    clip = Skeleton("ntu25", np.random.default_rng(0).normal(size=(1, 6, 25, 3)).astype(np.float32), (0,))
    assert prepare(clip).shape == (3, 4, 25, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: skeleton.prepare("dvta60", {}, "here"),
            r"no 'dvta60' in .*/recipes .did you mean 'dvta50'..: ",
        ),
        (lambda: skeleton.prepare("dvta50", {"num_frames": 4}, "here"), r"section 'here' .* missing key 'num_bodies'"),
        (lambda: skeleton.build("stgcn", {}, "ntu26", "here"), r"no joint layout 'ntu26'; there are \['coco17'"),
        (lambda: skeleton.build("stgcn", {"plan": "big"}, "ntu25", "here"), r"section 'here' .*'plan'"),
        (lambda: skeleton.read("nowhere"), r"no 'nowhere' in pipeline/datasets"),
    ],
)
def test_a_name_that_is_not_there_is_refused(call, message):
    with pytest.raises(ParamsError, match=message):
        call()


def test_a_clip_without_a_body_or_with_a_hole_is_empty():
    x = np.ones((4, 3, 2, 5, 2), np.float32)
    x[1] = 0
    x[2, 0, 1, 3, 1] = np.nan
    x[3, ..., 1] = 0
    assert skeleton.is_empty(x).tolist() == [False, True, True, False]
