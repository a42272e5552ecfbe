import pytest

from pipeline.compute.shared import Compute
from pipeline.core import stamp
from pipeline.steps import synthesize as step
from pipeline.world.recordings import World

INLINE = Compute(engine="inline", num_workers=1)
TINY = World(
    kind="bodies", seed=0, subjects=1, repetitions=1, cameras=1, classes=2, least_frames=10, most_frames=12,
    noise_mm=5.0, dropped_frames=0.0, empty_frames=0.0, second_body=0.0, films=None,
)  # fmt: skip


def test_a_world_and_its_stamp_stand_side_by_side(tmp_path):
    out = tmp_path / "demo"
    assert step.synthesize(TINY, INLINE, out=out) == 2
    assert stamp.read(out) == list(stamp.scan(out))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "demo.stamp"]


def test_what_a_former_world_left_is_gone(tmp_path):
    out = tmp_path / "demo"
    step.synthesize(TINY.model_copy(update={"classes": 3}), INLINE, out=out)
    assert step.synthesize(TINY, INLINE, out=out) == len(list(out.iterdir())) == 2


def test_an_interrupted_world_is_no_world(tmp_path, monkeypatch):
    out = tmp_path / "demo"
    step.synthesize(TINY, INLINE, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def record(world, performance, folder):
        (folder / "half.skeleton").write_text("2\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(step, "record", record)
    with pytest.raises(KeyboardInterrupt):
        step.synthesize(TINY, INLINE, out=out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not (tmp_path / "demo.partial").exists()


def test_processes_write_the_bytes_of_one_process(tmp_path):
    world = TINY.model_copy(update={"classes": 12})
    step.synthesize(world, INLINE, out=tmp_path / "one")
    step.synthesize(world, Compute(engine="processes", num_workers=2), out=tmp_path / "two")
    assert (tmp_path / "one.stamp").read_text() == (tmp_path / "two.stamp").read_text()
