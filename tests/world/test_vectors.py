import numpy as np

from pipeline.compute.shared import Compute
from pipeline.core import pages, stamp
from pipeline.formats import synse
from pipeline.steps.synthesize import synthesize
from pipeline.world.vectors import Folder, VectorsWorld

INLINE = Compute(engine="inline", num_workers=1)
WORLD = VectorsWorld(
    kind="vectors", seed=0, classes=6, clips=2, dim=4, folders=[Folder(name="shift_5_r", unseen=[1, 4])]
)


def parts(folder):
    return {name: synse.read(folder / "shift_5_r", name) for name in synse.LABELS}


def test_each_file_holds_the_clips_its_name_says(tmp_path):
    assert synthesize(WORLD, INLINE, row="w", out=tmp_path / "w", page=tmp_path / "page") == 6
    assert pages.read(tmp_path / "page" / pages.FILE).tables[0].rows == [["pictures", 0], ["other files", 6]]
    found = parts(tmp_path / "w")
    assert found["train"].class_ids_N.tolist() == [0, 0, 2, 2, 3, 3, 5, 5]
    assert found["ztest"].class_ids_N.tolist() == [1, 1, 4, 4]
    np.testing.assert_array_equal(found["gtest"].vectors_ND[:4], found["ztest"].vectors_ND)
    assert found["gtest"].class_ids_N[4:].tolist() == found["train"].class_ids_N.tolist()
    assert not (found["gtest"].vectors_ND[4:] == found["train"].vectors_ND).any()


def test_the_seed_decides_every_byte(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        world = WORLD.model_copy(update={"seed": seed})
        synthesize(world, INLINE, row="w", out=tmp_path / name, page=tmp_path / "page")
    first, same, other = (stamp.read(tmp_path / name) for name in "abc")
    assert first == same != other
