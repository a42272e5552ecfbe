"""Clips of seen and of unseen classes in one list of candidates: what align finds to part them, without test clips."""

import numpy as np
import pytest

from pipeline.core import pages, tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import SPLIT
from pipeline.models import generalised, tasks
from pipeline.models.methods import ridge
from pipeline.models.tasks import TaskRequest
from tests.steps import aligning
from tests.steps.aligning import FIT, RIDGE, UNSEEN, VAL, aligned, by_space, written

SPACES = ["unseen", "gzsl"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    inputs = written(tmp_path_factory.mktemp("align"))
    return aligning.generalised(inputs, tmp_path_factory.mktemp("gzsl"))


@pytest.fixture(scope="module")
def found(world, tmp_path_factory):
    return by_space(aligned(world, tmp_path_factory.mktemp("out"), spaces=SPACES, refit="none"))


@pytest.fixture(scope="module")
def rehearsed(world):
    """By setting, what the method that was trained on fit says of held-out and val clips among all seen classes."""
    (task,) = tasks.build_tasks(world, TaskRequest("toy", "random", ["s0"], [0], 0.0, SPACES))
    seen = task.texts.of([*FIT, *VAL])
    features_ND = np.concatenate([task.held_out.features_ND, task.val.features_ND])
    truth_N = np.array([*task.held_out.class_ids, *task.val.class_ids])
    return [
        generalised.ScoredClips(candidate.score(features_ND, seen), np.arange(15) < 12, truth_N)
        for candidate in ridge.candidates(task.fit, task.texts.of(FIT), RIDGE, 0)
    ]


def test_held_out_clips_of_fit_classes_are_there_and_no_others(world):
    (task,) = tasks.build_tasks(world, TaskRequest("toy", "random", ["s0"], [0], 0.0, SPACES))
    assert task.held_out.class_ids == tuple(FIT)
    assert sorted(set(task.fit.class_ids)) == FIT
    assert len(task.fit.class_ids) == 36
    (plain,) = tasks.build_tasks(world, TaskRequest("toy", "random", ["s0"], [0], 0.0))
    assert (plain.held_out.class_ids, plain.held_out.features_ND.shape) == ((), (0, 8))


def test_the_number_taken_from_seen_scores_is_the_best_on_clips_of_seen_classes(found, rehearsed):
    assert found["unseen"].provenance.calibration is None
    taken = found["gzsl"].provenance.calibration
    for scored, number in zip(rehearsed, taken, strict=True):

        def harmonic(taken, scored=scored):
            is_right_N = (scored.score_NK - taken * scored.is_seen_K).argmax(axis=1) == scored.truth_N
            seen, unseen = is_right_N[:12].mean(), is_right_N[12:].mean()
            return 2 * seen * unseen / max(seen + unseen, 1e-12)

        assert harmonic(number) == pytest.approx(max(harmonic(each) for each in np.linspace(-2, 2, 801)))
        assert number > 0  # classes that were trained on are favoured


def test_the_gate_is_learnt_from_clips_of_seen_classes(found, rehearsed):
    assert found["unseen"].gate is None
    gate, values = found["gzsl"].gate, found["gzsl"].values
    assert gate.shape == values.shape[:2]
    is_seen_K = ~np.isin(found["gzsl"].provenance.class_ids, UNSEEN)
    for place, scored in enumerate(rehearsed):
        expected = generalised.fit_gate(scored, 2)(values[:, place], np.arange(18) < 15)
        # the val classes are unseen to a method that was trained on fit alone, and candidates of the seen side
        assert is_seen_K.tolist() == (np.arange(18) < 15).tolist()
        np.testing.assert_allclose(gate[:, place], expected, atol=1e-5)
    of_unseen = np.array([int(clip_id[4:6]) in UNSEEN for clip_id in found["gzsl"].clip_ids])
    assert gate[of_unseen].mean() > gate[~of_unseen].mean()


def test_the_page_says_what_is_taken_from_seen_scores(world, found, tmp_path):
    page = pages.read(aligned(world, tmp_path, spaces=SPACES) / pages.FILE)
    table = next(table for table in page.tables if table.title == "Seen classes beside unseen ones")
    about = found["gzsl"].provenance
    setting = about.settings[about.selected]
    assert table.rows == [["s0", 0, setting, pytest.approx(about.calibration[about.selected]), 12]]


def test_the_last_training_changes_scores_and_gate_and_no_calibration(world, found, tmp_path):
    again = by_space(aligned(world, tmp_path, spaces=SPACES, refit="seen"))["gzsl"]
    assert again.provenance.calibration == found["gzsl"].provenance.calibration
    assert np.abs(again.gate - found["gzsl"].gate).max() > 1e-3


def test_a_split_without_held_out_clips_is_one_clear_line(world, tmp_path):
    rows = [row for row in tables.read_table(world.split, SPLIT).to_pylist() if not row["held_out"]]
    tables.write(tmp_path / "s.parquet", SPLIT, rows, tables.read_meta(world.split, SPLIT))
    without = tasks.Inputs(world.features, world.embeddings, tmp_path / "s.parquet")
    with pytest.raises(DataError, match="no held-out clips with features, by which the label space gzsl is calibrated"):
        aligned(without, tmp_path, spaces=SPACES)
    assert by_space(aligned(without, tmp_path))
