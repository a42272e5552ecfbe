import pytest

from pipeline.compute.shared import Compute
from pipeline.core import pages, stamp
from pipeline.steps import synthesize as step
from pipeline.world.genomes import VisualGenomeWorld
from pipeline.world.recordings import World

INLINE = Compute(engine="inline", num_workers=1)
TINY = World(
    kind="bodies", seed=0, subjects=1, repetitions=1, cameras=1, repertoire="demo", classes=2,
    min_frames=10, max_frames=12, noise_mm=5.0, dropped_frames=0.0, empty_frames=0.0, second_body=0.0, films=None,
    sizes={"mean": 1.0, "deviation": 0.06}, places={"distance_m": (2.8, 3.8), "height_m": (0.8, 1.4)},
)  # fmt: skip


def made(world, compute, out):
    return step.synthesize(world, compute, row=out.name, out=out, page=out.parent / "pages" / out.name)


def test_a_world_and_its_stamp_stand_side_by_side(tmp_path):
    out = tmp_path / "demo"
    assert made(TINY, INLINE, out=out) == 2
    assert stamp.read(out) == list(stamp.scan(out))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo.stamp", "pages"]


def test_what_a_former_world_left_is_gone(tmp_path):
    out = tmp_path / "demo"
    made(TINY.model_copy(update={"classes": 3}), INLINE, out=out)
    assert made(TINY, INLINE, out=out) == len(list(out.iterdir())) == 2


def test_an_interrupted_world_is_no_world(tmp_path, monkeypatch):
    out = tmp_path / "demo"
    made(TINY, INLINE, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def record(world, performance, folder):
        (folder / "half.skeleton").write_text("2\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(step, "record", record)
    with pytest.raises(KeyboardInterrupt):
        made(TINY, INLINE, out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not (tmp_path / "demo.partial").exists()


def test_processes_write_the_bytes_of_one_process(tmp_path):
    world = TINY.model_copy(update={"classes": 12})
    made(world, INLINE, out=tmp_path / "one")
    made(world, Compute(engine="processes", num_workers=2), out=tmp_path / "two")
    assert (tmp_path / "one.stamp").read_text() == (tmp_path / "two.stamp").read_text()


def test_a_genome_shows_its_first_pictures_on_its_page(tmp_path):
    world = VisualGenomeWorld(kind="visual_genome", seed=0, images=3, width=64, height=64)
    out, page = tmp_path / "vg", tmp_path / "pages" / "vg"
    num_files = step.synthesize(world, INLINE, row="vg", out=out, page=page)
    shown = pages.read(page / pages.FILE)
    assert (shown.stage, shown.row, len(shown.images)) == ("synthesize", "vg", 2)
    assert shown.tables[0].rows == [["pictures", 3], ["other files", num_files - 3]]
    assert (page / "1.png").read_bytes() == (out / "VG_100K" / "1.png").read_bytes()
