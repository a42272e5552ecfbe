"""What evaluate tells of seen and unseen classes together, of an encoder's clips, and of cells and subjects."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import store
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from tests.steps.scored import ORACLE, PARTS, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


GENERALISED = {
    "clip_ids": ["tiny/c0s2r0", "tiny/c0s2r1", "tiny/c2s2r0", "tiny/c2s2r1", "tiny/c3s2r0", "tiny/c3s2r1"],
    "label_space": "gzsl",
    "class_ids": [0, 1, 2, 3],
    "settings": ["1"],
}
RIGHT, WRONG = [[9, 0, 0, 0]], [[0, 9, 0, 0]]
ANSWERS = [RIGHT, WRONG, [[0, 0, 9, 0]], [[9, 0, 0, 0]], [[9, 0, 0, 8]], [[9, 0, 0, 0]]]


def test_a_generalised_row_has_seen_unseen_and_harmonic_accuracy_and_the_area(world: World) -> None:
    world.write_scores(ANSWERS, **GENERALISED)
    (row,) = world.run()["rows"]
    assert (row["top1_seen"], row["top1_unseen"], row["chance"]) == (0.5, 0.25, 0.25)
    assert row["harmonic_mean"] == pytest.approx(1 / 3)
    # Points (seen, unseen), after the leads -9, 1 and 9 of the seen classes: (.5, .25), (.5, .5), (0, .75).
    assert row["ausuc"] == pytest.approx(0.5 * (0.5 + 0.75) / 2)
    assert not any(name.endswith(("_calibrated", "_gated")) for name in row)
    low, high = row["harmonic_mean_ci95"]
    assert 0 <= low < row["harmonic_mean"] < high <= 1
    assert "ausuc_ci95" not in row


def test_a_number_to_take_from_seen_classes_and_a_gate_are_those_of_the_setting(world: World) -> None:
    two = [[one[0], one[0]] for one in ANSWERS]
    gate = np.array([[0, 1], [0, 1], [1, 0], [0, 0], [1, 0], [0, 0]], dtype=np.float32)
    about = {"settings": ["1", "2"], "calibration": [2.0, 20.0], "gate": gate}
    for selected, wanted in ((0, (0.5, 0.5, 0.5, 0.5)), (1, (0.0, 0.75, 0.0, 0.0))):
        world.write_scores(two, **GENERALISED | about | {"selected": selected})
        (row,) = world.run()["rows"]
        named = [f"top1_{side}_{way}" for way in ("calibrated", "gated") for side in ("seen", "unseen")]
        assert [row[name] for name in named] == list(wanted)
        assert world.run()["summary"][0]["harmonic_mean_gated"] == row["harmonic_mean_gated"]


@pytest.mark.parametrize("changes", [{"calibration": [1.0, 2.0]}, {"gate": np.zeros((6, 2), dtype=np.float32)}])
def test_a_calibration_or_gate_of_other_settings_is_refused(world: World, changes: dict[str, Any]) -> None:
    world.write_scores(ANSWERS, **GENERALISED | changes)
    with pytest.raises(FormatError, match="settings and scores do not fit"):
        world.run()


def test_generalised_scores_of_clips_of_one_side_are_refused(world: World) -> None:
    world.write_scores(ANSWERS[2:], **GENERALISED | {"clip_ids": GENERALISED["clip_ids"][2:]})
    with pytest.raises(DataError, match="no test clip is of a seen class"):
        world.run()


FIT, VAL = ["tiny/c0s1r0", "tiny/c0s1r1"], ["tiny/c1s1r0", "tiny/c1s1r1"]


@pytest.mark.parametrize(("clip_ids", "classes"), [(FIT, [0]), (FIT, [0, 1]), (FIT + VAL, [0, 1])])
def test_an_encoder_of_the_clips_that_the_split_lets_train_passes(
    world: World, clip_ids: list[str], classes: list[int]
) -> None:
    world.write_scores(training_clips=clips_digest(clip_ids), training_classes=classes, selection="validation_seen")
    row = world.run()["rows"][0]
    assert (row["leaks"], row["training_clips"]) == ([], clips_digest(clip_ids))


@pytest.mark.parametrize(
    ("clip_ids", "classes"), [(FIT[:1], [0]), ([*FIT, "tiny/c0s2r0"], [0]), (FIT + VAL, [0]), (["other/c0"], [0, 1])]
)
def test_an_encoder_of_other_clips_of_the_same_classes_is_refused(
    world: World, clip_ids: list[str], classes: list[int]
) -> None:
    world.write_scores(training_clips=clips_digest(clip_ids), training_classes=classes)
    with pytest.raises(LeakError, match="split 's0', seed 0: the encoder was trained on other clips"):
        world.run()


def test_training_clips_that_the_scored_modality_lacks_count_as_the_split_has_them(world: World) -> None:
    world.write_clips({"tiny/c0s1r1": {"modality": "depth"}})
    world.write_scores(training_clips=clips_digest(FIT), training_classes=[0])
    assert world.run()["rows"]


def test_weights_of_nobody_knows_which_clips_are_named_in_row_and_summary(world: World) -> None:
    world.write_scores(training_clips=UNKNOWN_CLIPS)
    found = world.run(ORACLE)
    assert [row["leaks"] for row in found["rows"]] == [["training_clips_unknown"], ["oracle", "training_clips_unknown"]]
    assert [one["leaks"] for one in found["summary"]] == [row["leaks"] for row in found["rows"]]


def test_a_test_clip_that_trains_under_another_id_is_refused(world: World) -> None:
    world.write_clips({"tiny/c3s2r1": {"content_hash": "tiny/c1s1r0"}})
    with pytest.raises(LeakError, match="'tiny/c3s2r1' is the training clip 'tiny/c1s1r0' under another id"):
        world.run()
    world.write_clips({"tiny/c3s2r1": {"content_hash": ""}, "tiny/c1s1r0": {"content_hash": ""}})
    assert world.run()["rows"][0]["num_undigested"] == 1


def test_a_row_counts_cells_and_subjects_and_names_the_mean_of_batches(world: World) -> None:
    (row,) = world.run()["rows"]
    told = ("num_cells", "num_shared_subjects", "num_seen_classes", "mean_of_batches", "top5", "top5_ci95", "leaks")
    assert [row[key] for key in told] == [2, 0, 2, 0.5, None, None, []]
    world.write_split(PARTS, protocol="list")
    world.clips = [(i, c, 1) if i == "tiny/c2s2r0" else (i, c, s) for i, c, s in world.clips]
    world.write_clips()
    (row,) = world.run()["rows"]
    assert (row["num_cells"], row["num_shared_subjects"]) == (3, 1)


def test_movements_that_two_classes_share_are_no_leak(world: World) -> None:
    with store.create(world.inputs.embeddings, {"dataset": "tiny"}) as texts:
        texts.group("label", [f"{c:04d}-00" for c in range(4)]).put("pooled", np.eye(4, dtype=np.float32))
        for name in ("movement", "told"):
            texts.group(name, [f"{c:04d}-00" for c in range(4)]).put("pooled", np.ones((4, 3), dtype=np.float32))
    assert world.run()["rows"]
