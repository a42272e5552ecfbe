import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.joints import NTU25
from pipeline.datasets import shared
from pipeline.formats import ntu_skeleton
from pipeline.world.recordings import Performance, World, performances, played, record

TINY = {
    "kind": "bodies",
    "seed": 0, "subjects": 2, "repetitions": 1, "cameras": 2, "repertoire": "demo", "classes": 2,
    "min_frames": 20, "max_frames": 30,
    "noise_mm": 8.0, "dropped_frames": 0.05, "empty_frames": 0.05, "second_body": 0.5, "films": None,
    "sizes": {"mean": 1.0, "deviation": 0.06}, "places": {"distance_m": (2.8, 3.8), "height_m": (0.8, 1.4)},
}  # fmt: skip


def written(folder: Path, **changes) -> dict[str, bytes]:
    folder.mkdir()
    world = World(**(TINY | changes))
    for performance in performances(world):
        record(world, performance, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def recordings(folder: Path, **changes):
    return {name: ntu_skeleton.read(folder / name) for name in written(folder, **changes)}


def test_file_names_say_who_did_what_before_which_camera(tmp_path):
    names = list(written(tmp_path / "a"))
    assert names == [
        f"S001C{camera:03d}P{subject:03d}R001A{action:03d}.skeleton"
        for camera in (1, 2)
        for subject in (1, 2)
        for action in (1, 2)
    ]
    found = shared.named_file(shared.load("demo"), f"{Performance(5, 2, 24).recording(3)}.skeleton")
    assert (found.setup, found.camera, found.subject, found.replication, found.label) == (2, 3, 5, 2, 24)


def test_the_same_params_give_the_same_bytes_and_another_seed_gives_others(tmp_path):
    assert written(tmp_path / "a") == written(tmp_path / "b")
    other = written(tmp_path / "c", seed=1)
    assert all(content != other[name] for name, content in written(tmp_path / "d").items())


@pytest.mark.parametrize("more", [{"subjects": 3}, {"repetitions": 2}, {"cameras": 3}, {"classes": 3}])
def test_a_bigger_world_holds_the_smaller_one_unchanged(tmp_path, more):
    small, big = written(tmp_path / "a"), written(tmp_path / "b", **more)
    assert len(big) > len(small)
    assert all(big[name] == content for name, content in small.items())


def test_clips_have_a_number_of_frames_in_the_range(tmp_path):
    clips = recordings(tmp_path / "a", dropped_frames=0.0, classes=4)
    lengths = {clip.num_frames for clip in clips.values()}
    assert min(lengths) >= 20
    assert max(lengths) <= 30
    assert len(lengths) > 3


def test_cameras_record_the_same_performance_from_different_sides(tmp_path):
    clips = recordings(tmp_path / "a", noise_mm=0.0, dropped_frames=0.0, empty_frames=0.0, second_body=0.0)
    one, two = (clips[f"S001C{camera:03d}P001R001A001.skeleton"].xyz_MTV3[0] for camera in (1, 2))
    sides = [np.linalg.norm(view[:, :, None] - view[:, None], axis=-1) for view in (one, two)]
    np.testing.assert_allclose(*sides, atol=1e-5)
    assert np.abs(one - two).max() > 0.1


def test_the_subject_faces_the_camera_of_the_repetition():
    world = World(**(TINY | {"repetitions": 2}))
    left, right = NTU25.names.index("shoulder_left"), NTU25.names.index("shoulder_right")
    for repetition, azimuth in ((1, 45.0), (2, -45.0)):
        xyz_TV3 = played(world, Performance(1, repetition, 0))[0]
        across = xyz_TV3[0, left] - xyz_TV3[0, right]
        heading = np.rad2deg(np.arctan2(-across[2], across[0]))
        assert heading == pytest.approx(azimuth, abs=30)


def test_bone_lengths_differ_between_subjects_but_not_within_a_clip():
    world = World(**TINY)
    left, elbow = NTU25.names.index("shoulder_left"), NTU25.names.index("elbow_left")
    lengths = [
        np.linalg.norm(xyz_TV3[:, left] - xyz_TV3[:, elbow], axis=1)
        for xyz_TV3 in (played(world, Performance(subject, 1, 0))[0] for subject in range(1, 6))
    ]
    assert all(np.ptp(length) < 1e-9 for length in lengths)
    assert len({round(float(length[0]), 4) for length in lengths}) == 5


def test_noise_dropped_frames_empty_frames_and_bystanders_are_as_told(tmp_path):
    clean = {"noise_mm": 0.0, "dropped_frames": 0.0, "empty_frames": 0.0, "second_body": 0.0}
    plain = recordings(tmp_path / "plain", **clean)
    assert all(len(clip.body_ids) == 1 and not np.isnan(clip.xyz_MTV3).any() for clip in plain.values())
    noisy = recordings(tmp_path / "noisy", **clean | {"noise_mm": 20.0})
    assert all(0.005 < np.std(noisy[name].xyz_MTV3 - plain[name].xyz_MTV3) < 0.1 for name in plain)
    dropped = recordings(tmp_path / "dropped", **clean | {"dropped_frames": 0.3})
    assert all(dropped[name].num_frames < plain[name].num_frames for name in plain)
    empty = recordings(tmp_path / "empty", **clean | {"empty_frames": 0.3})
    assert all(np.isnan(clip.xyz_MTV3).all(axis=(0, 2, 3)).any() for clip in empty.values())
    crowded = recordings(tmp_path / "crowded", **clean | {"second_body": 1.0})
    assert all(len(clip.body_ids) == 2 and not np.isnan(clip.xyz_MTV3[0]).any() for clip in crowded.values())
    assert any(np.isnan(clip.xyz_MTV3[1]).any() for clip in crowded.values())


def test_impossible_worlds_are_refused():
    for wrong in ({"classes": 999}, {"cameras": 4}, {"subjects": 0}, {"dropped_frames": 1.0}, {"second_body": 1.5}):
        with pytest.raises(ValidationError):
            World(**(TINY | wrong))
    with pytest.raises(ValidationError, match="min_frames is above max_frames"):
        World(**(TINY | {"min_frames": 31}))
    with pytest.raises(ValidationError, match="demo_gym has 12 classes"):
        World(**(TINY | {"repertoire": "demo_gym", "classes": 13}))
    with pytest.raises(ValidationError, match="first number of a range is above the second"):
        World(**(TINY | {"places": {"distance_m": (3.8, 2.8), "height_m": (0.8, 1.4)}}))


def test_people_are_as_tall_and_cameras_as_far_and_high_as_told(tmp_path):
    clean = {"noise_mm": 0.0, "dropped_frames": 0.0, "empty_frames": 0.0, "second_body": 0.0}
    near, far = ({"distance_m": (m, m), "height_m": (m - 3, m - 3)} for m in (3.5, 5.0))
    small, tall = ({"mean": mean, "deviation": 0.0} for mean in (0.8, 1.1))
    plain, other = (
        recordings(tmp_path / name, **clean | change)["S001C001P001R001A001.skeleton"].xyz_MTV3[0, 0]
        for name, change in (("plain", {"places": near, "sizes": small}), ("other", {"places": far, "sizes": tall}))
    )
    assert 1.2 < np.ptp(other[:, 1]) / np.ptp(plain[:, 1]) < 1.6
    assert other[:, 2].mean() - plain[:, 2].mean() == pytest.approx(1.5, abs=0.05)
    assert plain[:, 1].min() == pytest.approx(-0.5, abs=0.01)
    assert other[:, 1].min() == pytest.approx(-2.0, abs=0.01)


def test_another_repertoire_is_another_action_in_the_same_place(tmp_path):
    one, other = (recordings(tmp_path / name, repertoire=name, dropped_frames=0.0) for name in ("demo", "demo_home"))
    assert set(one) == set(other)
    assert all(one[name].num_frames == other[name].num_frames for name in one)
    assert any(np.abs(one[name].xyz_MTV3[0] - other[name].xyz_MTV3[0]).max() > 0.2 for name in one)


def test_names_fit_the_rule_of_the_real_dataset():
    assert re.fullmatch(r"S\d{3}C\d{3}P\d{3}R\d{3}A\d{3}", Performance(8, 2, 0).recording(3))
