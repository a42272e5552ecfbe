"""Which clips are paired, which are held out, and which are no negatives of each other."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from pipeline.core import split_table
from pipeline.core.errors import DataError
from pipeline.core.params import parse
from pipeline.training.paired import Event, RecordedClips, Rules, pair, read_events, source
from tests.steps import binding
from tests.steps.binding import HELD_OUT, IDS, LABELS

RULES = {"of": "fit", "other_views": "skip", "same_class": "negative", "further": []}


def rules(**changes: object) -> Rules:
    return parse(Rules, {**RULES, **changes}, "pairs")


@pytest.fixture
def split(tmp_path: Path) -> Path:
    binding.write_split(tmp_path, LABELS)
    return tmp_path / "data/split/toy-random.parquet"


def recorded(split: Path | None, dataset: str = "toy", ids: list[str] = IDS) -> RecordedClips:
    """Two views a performance; the hub has the clips in another order."""
    places = {clip_id: row for row, clip_id in enumerate(sorted(IDS))}
    hub = {clip_id: row for row, clip_id in enumerate(sorted(ids, reverse=True))}
    events = {clip_id: Event(clip_id[:-3], LABELS[clip_id]) for clip_id in IDS}
    table = None if split is None else split_table.read(split, ["s0", "s1"])
    return RecordedClips(dataset, table, {"hub": hub, "skeleton": places}, events)


def test_roles_say_who_is_paired(split: Path) -> None:
    pairs = pair(rules(), [recorded(split)], "s0", 0)
    assert [clip.clip_id for clip in pairs.held_out] == sorted(HELD_OUT)
    wanted = [clip_id for clip_id in IDS if LABELS[clip_id] < 4]
    assert [clip.clip_id for clip in pairs.training] == [clip_id for clip_id in wanted if clip_id not in HELD_OUT]
    assert (pairs.wanted, pairs.counts) == ({"toy": 16}, {"toy": 16})
    both = pair(rules(of="fit_and_val"), [recorded(split)], "s0", 0)
    assert {LABELS[clip.clip_id] for clip in both.training} == {0, 1, 2, 3, 4, 5}


def test_of_all_clips_a_tenth_of_the_performances_is_held_out_whole() -> None:
    for seed in range(5):
        pairs = pair(rules(of="all"), [recorded(None)], "s0", seed)
        assert len({clip.clip_id[:-3] for clip in pairs.held_out}) == 2  # of 16
        assert len(pairs.held_out) == 4
        assert len(pairs.training) == 28


def test_all_are_the_clips_that_the_split_table_names(tmp_path: Path) -> None:
    listed = {clip_id: label for clip_id, label in LABELS.items() if label != 5}
    binding.write_split(tmp_path, listed)
    pairs = pair(rules(of="all"), [recorded(tmp_path / "data/split/toy-random.parquet")], "s0", 0)
    assert sorted(clip.clip_id for clip in (*pairs.training, *pairs.held_out)) == sorted(listed)
    assert pairs.wanted == {"toy": 28}
    with pytest.raises(DataError, match="no split 's9'"):
        pair(rules(of="all"), [recorded(tmp_path / "data/split/toy-random.parquet")], "s9", 0)


def test_who_is_held_out_is_drawn_by_ids_and_seed() -> None:
    drawn = {
        seed: [clip.clip_id for clip in pair(rules(of="all"), [recorded(None)], "s0", seed).held_out]
        for seed in range(4)
    }
    assert len({tuple(ids) for ids in drawn.values()}) > 1
    other = recorded(None)
    renamed = {clip_id: Event(f"x{event.performance[::-1]}", 7) for clip_id, event in other.events.items()}
    renamed_too = RecordedClips("toy", None, other.places, renamed)
    assert [clip.clip_id for clip in pair(rules(of="all"), [renamed_too], "s0", 0).held_out] == drawn[0]


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({"other_views": "skip"}, [lambda clip_id: clip_id[:-3]]),
        ({"other_views": "negative"}, []),
        ({"other_views": "negative", "same_class": "skip"}, [LABELS.get]),
        ({"same_class": "skip"}, [lambda clip_id: clip_id[:-3], LABELS.get]),
    ],
)
def test_keys_are_equal_where_clips_are_no_negatives(changes: dict, shared: list, split: Path) -> None:
    clips = pair(rules(**changes), [recorded(split)], "s0", 0).training
    for one in clips:
        for other in clips:
            expected = [said(one.clip_id) == said(other.clip_id) for said in shared]
            assert [a == b for a, b in zip(one.keys, other.keys, strict=True)] == expected


def test_datasets_share_no_performance_and_no_class(split: Path) -> None:
    clips = pair(rules(same_class="skip"), [recorded(split), recorded(split, "other")], "s0", 0).training
    keys = [{clip.keys[column] for clip in clips if clip.dataset == d} for column in (0, 1) for d in ("toy", "other")]
    assert not keys[0] & keys[1]
    assert not keys[2] & keys[3]


def test_a_batch_has_every_sense_of_the_same_clips(split: Path) -> None:
    """By id, whatever the order of the stores, over two datasets."""
    ids = [clip_id for clip_id in IDS if "c3" not in clip_id]
    both = [recorded(split, ids=ids), recorded(split, "other", ids)]
    pairs = pair(rules(), both, "s0", 0)
    arrays = {
        dataset: {
            "hub": np.array([[number, IDS.index(clip_id)] for clip_id in sorted(ids, reverse=True)]),
            "skeleton": np.array([[number, IDS.index(clip_id)] for clip_id in sorted(IDS)]),
        }
        for number, dataset in enumerate(("toy", "other"))
    }
    data = pickle.loads(pickle.dumps(source(pairs.training, both, arrays, 5, shuffled=True)))
    steps = data.steps(3, 0)
    assert sorted(np.concatenate(steps).tolist()) == list(range(len(pairs.training)))
    for rows in steps:
        found = data.read(rows, 0)
        np.testing.assert_array_equal(found["x/hub"], found["x/skeleton"])
        numbers = [
            [("toy", "other").index(clip.dataset), IDS.index(clip.clip_id)]
            for clip in (pairs.training[row] for row in rows)
        ]
        np.testing.assert_array_equal(found["x/hub"], numbers)
        assert found["keys"].tolist() == [list(pairs.training[row].keys) for row in rows]
        assert data.names(rows) == [pairs.training[row].clip_id for row in rows]
    held_out = source(pairs.held_out, both, arrays, 5, shuffled=False)
    assert [rows.tolist() for rows in held_out.steps(3, 0)] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_without_keys_there_is_a_column_of_none(split: Path) -> None:
    one = recorded(split)
    pairs = pair(rules(other_views="negative"), [one], "s0", 0)
    arrays = {"toy": {"hub": np.zeros((32, 2)), "skeleton": np.zeros((32, 2))}}
    assert source(pairs.training, [one], arrays, 4, shuffled=True).read(np.arange(3), 0)["keys"].shape == (3, 0)


def test_performances_are_told_by_all_but_the_camera(tmp_path: Path) -> None:
    binding.write_clips(tmp_path, LABELS)
    events = read_events(tmp_path / "data/ingest/toy.parquet")
    views = [events[f"toy/c2-p1-v{view}"] for view in (0, 1)]
    assert views[0].performance == views[1].performance
    assert views[0].class_id == 2
    assert len({event.performance for event in events.values()}) == 16


def test_rejected_clips_are_not_paired(tmp_path: Path) -> None:
    binding.write_clips(tmp_path, LABELS, reason="cut short")
    assert read_events(tmp_path / "data/ingest/toy.parquet") == {}


def test_too_little_is_refused(split: Path) -> None:
    with pytest.raises(DataError, match="no clip of those to pair"):
        pair(rules(), [recorded(split, ids=[])], "s0", 0)
    with pytest.raises(DataError, match="2 pairs of 1 performances to learn from and 2 held out"):
        pair(rules(), [recorded(split, ids=[clip_id for clip_id in IDS if "c0" in clip_id])], "s0", 0)
    with pytest.raises(DataError, match="no split 's9'"):
        pair(rules(), [recorded(split)], "s9", 0)
