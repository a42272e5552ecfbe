"""The figures of known answers, and whatever the audit refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import scores as scores_format
from pipeline.core import store, tables
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.schemas import CLIPS, PREDICTIONS
from tests.steps.scored import METHOD, NAMES, ORACLE, PARTS, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_figures_are_those_of_the_selected_setting(world: World) -> None:
    found = world.run()
    (row,) = found["rows"]
    assert (row["top1"], row["chance"], row["num_clips"], row["num_unseen_classes"]) == (0.5, 0.5, 4, 2)
    assert (row["selection"], row["setting"], row["leaky"]) == ("validation", "1", False)
    assert (row["split_table"], row["protocol"], row["split"]) == ("random", "xsub", "s0")
    assert found["summary"][0] | {"mean": 0.5, "ci95": None, "n": 1} == found["summary"][0]
    assert found["headline"] == {"num_splits": 1, "unseen_chance": 0.5, "unseen_top1": 0.5}


def test_the_oracle_selection_is_made_only_where_asked_and_is_flagged(world: World) -> None:
    assert [row["selection"] for row in world.run()["rows"]] == ["validation"]
    found = world.run(ORACLE)
    honest, oracle = found["rows"]
    assert (oracle["selection"], oracle["setting"], oracle["top1"], oracle["leaky"]) == ("oracle", "2", 0.75, True)
    assert honest["top1"] == 0.5
    assert found["headline"]["unseen_top1"] == 0.5


def test_of_settings_that_are_equally_good_on_the_test_set_the_earliest_is_taken(world: World) -> None:
    world.write_scores([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 0], [1, 0]], [[0, 1], [0, 1]]])
    assert [row["setting"] for row in world.run(ORACLE)["rows"]] == ["1", "1"]


def test_a_test_clip_that_the_modality_never_had_is_not_one_that_was_left_out(world: World) -> None:
    world.clips.append(("tiny/c2s2r9", 2, 2))
    world.write_split(PARTS)
    world.write_clips({"tiny/c2s2r9": {"modality": "depth"}})
    assert world.run()["rows"][0]["num_unscored"] == 0
    world.write_clips()
    assert world.run()["rows"][0]["num_unscored"] == 1


def test_predictions_are_kept_with_truth_rank_margin_and_class_names(world: World) -> None:
    world.run(ORACLE)
    lines = tables.read_table(world.root / "out.parquet", PREDICTIONS).to_pylist()
    oracle = [line for line in lines if line["selection"] == "oracle"]
    assert len(lines) == 8
    assert [tuple(line[key] for key in ("subject", "class_id", "predicted", "rank", "margin")) for line in oracle] == [
        (2, 2, 2, 1, 1.0),
        (2, 2, 2, 1, 1.0),
        (2, 3, 3, 1, 1.0),
        (2, 3, 2, 2, -1.0),
    ]
    meta = tables.read_meta(world.root / "out.parquet", PREDICTIONS)
    assert meta["class_names"] == {"0": "sit", "1": "stand", "2": "wave", "3": "clap"}
    assert meta["method"] == {**METHOD, "protocol": "xsub"}


def test_two_runs_give_the_same_bytes(world: World) -> None:
    world.run(ORACLE)
    first = [(world.root / name).read_bytes() for name in ("out.json", "out.parquet")]
    world.run(ORACLE)
    assert [(world.root / name).read_bytes() for name in ("out.json", "out.parquet")] == first


def test_test_clips_that_were_not_scored_are_counted(world: World) -> None:
    world.write_scores([[[1, 0], [1, 0]]], clip_ids=["tiny/c2s2r0"])
    assert world.run()["rows"][0]["num_unscored"] == 3


def test_prompts_of_other_classes_than_the_clips_are_refused(world: World) -> None:
    world.write_prompts([*NAMES[:3], "jump"])
    with pytest.raises(DataError, match="its classes are not those of"):
        world.run()


def test_a_class_that_is_both_seen_and_unseen_is_refused(world: World) -> None:
    world.write_split({**PARTS, "val": [1, 2]})
    with pytest.raises(LeakError, match="class 2 is both unseen and val"):
        world.run()


def test_weights_that_saw_an_unseen_class_are_refused(world: World) -> None:
    world.write_scores(training_classes=[0, 3])
    with pytest.raises(LeakError, match=r"trained on the unseen classes \[3\]"):
        world.run()


ALL = {"pairs": "all", "paired_classes": [0, 1, 2, 3], "inference": "transductive", "selection": "none"}


def test_a_row_tells_which_unseen_classes_were_bound_and_what_the_weights_began_as(world: World) -> None:
    told = ("pairs", "paired_unseen", "num_paired_unseen", "pretrained", "inference")
    assert [world.run()["rows"][0][key] for key in told] == [None, [], 0, None, "inductive"]
    world.write_scores(**ALL | {"paired_classes": [0, 1, 3]}, pretrained="ViT-B-32 laion")
    assert [world.run()["rows"][0][key] for key in told] == ["all", ["clap"], 1, "ViT-B-32 laion", "transductive"]
    assert world.run()["summary"][0]["inference"] == "transductive"


AFAR = {"training_classes": [], "source": "other"}


def test_a_row_tells_what_another_dataset_taught_its_weights(world: World) -> None:
    told = ("source", "num_source_classes", "kept_overlap", "num_kept_overlap")
    assert [world.run()["rows"][0][key] for key in told] == [None, 0, [], 0]
    world.write_scores(**AFAR, source_classes=["jump", "sit"], kept_overlap=[])  # "sit" is no unseen class
    found = world.run()
    assert [found["rows"][0][key] for key in told] == ["other", 2, [], 0]
    assert (found["summary"][0]["source"], "unseen_top1" in found["headline"]) == ("other", True)


@pytest.mark.parametrize(("name", "mine"), [("Clap", "clap"), ("clapping", "clap"), ("waves", "wave")])
def test_an_unseen_class_that_another_dataset_taught_is_refused_unless_it_is_said_to_be_kept(
    world: World, name: str, mine: str
) -> None:
    world.write_scores(**AFAR, source_classes=["jump", name])
    with pytest.raises(LeakError, match=rf"taught classes of 'other' that are unseen here: '{name}' .here '{mine}'"):
        world.run()
    world.write_scores(**AFAR, source_classes=["jump", name], kept_overlap=[name])
    found = world.run()
    assert (found["rows"][0]["kept_overlap"], found["rows"][0]["num_kept_overlap"]) == ([name], 1)
    assert found["summary"][0]["num_kept_overlap"] == 1
    assert found["headline"] == {}


def test_unseen_classes_that_were_bound_in_silence_are_refused(world: World) -> None:
    world.write_scores(pairs="fit", paired_classes=[0, 3])
    with pytest.raises(LeakError, match=r"bound with clips of the unseen classes \[3\]"):
        world.run()


def test_scores_of_before_pairs_were_told_are_to_be_made_again(world: World) -> None:
    with store.create(world.inputs.scores / scores_format.STORE, METHOD) as out:
        about = {"split": "s0", "seed": 0, "label_space": "unseen", "inference": "inductive", "selection": "validation"}
        about |= {"refit": "seen", "settings": ["1"], "selected": 0, "class_ids": [2, 3], "training_classes": [0, 1]}
        out.group("s0-0-unseen", ["tiny/c2s2r0"], about).put("scores", np.zeros((1, 1, 2), np.float32))
    with pytest.raises(FormatError, match=r"group 's0-0-unseen': .*paired_classes.*; rerun the stage that wrote it"):
        world.run()


def test_of_fused_senses_a_clip_counts_where_all_have_it(world: World) -> None:
    world.write_scores(method=METHOD | {"modality": "depth+skeleton"})
    rows = tables.read_table(world.inputs.clips, CLIPS).to_pylist()
    beside = [row | {"modality": "depth"} for row in rows]
    tables.write(world.inputs.clips, CLIPS, rows + beside, {"class_names": NAMES})
    assert world.run()["rows"][0]["num_unscored"] == 0
    tables.write(world.inputs.clips, CLIPS, rows + beside[:-1], {"class_names": NAMES})
    with pytest.raises(DataError, match="'tiny/c3s2r1' is scored but not in the split"):
        world.run()


def test_a_test_clip_of_a_training_subject_is_refused(world: World) -> None:
    world.clips = [(i, c, 1) if i == "tiny/c2s2r0" else (i, c, s) for i, c, s in world.clips]
    world.write_clips()
    with pytest.raises(LeakError, match="'tiny/c2s2r0' shares subject"):
        world.run()


def test_a_protocol_without_subjects_has_no_training_subjects(world: World) -> None:
    world.clips = [(i, c, 1) if i == "tiny/c2s2r0" else (i, c, s) for i, c, s in world.clips]
    world.write_clips()
    world.clips = [(i, c, int(i[-3])) for i, c, _ in world.clips]
    world.write_split(PARTS, protocol="list")
    assert world.run()["rows"]


@pytest.mark.parametrize(
    ("clip_id", "changes", "words"),
    [
        ("tiny/c0s2r0", {"role": "unseen_test"}, "has the role 'unseen_test', its class 0"),
        ("tiny/c2s2r0", {"role": "val", "class_id": 1}, "has the role 'val', its class 2"),
        ("tiny/c0s1r0", {"class_id": 1}, "of class 0 is taught as class 1"),
        ("tiny/c3s2r1", {"class_id": 3}, "tells the class of clip"),
    ],
)
def test_a_forged_row_of_the_split_is_refused(world: World, clip_id: str, changes: dict[str, Any], words: str) -> None:
    world.write_split(PARTS, {clip_id: changes})
    with pytest.raises(LeakError, match=f"'{clip_id}' {words}|{words} '{clip_id}'"):
        world.run()


def test_a_scored_clip_of_another_role_is_refused(world: World) -> None:
    world.write_scores([[[1, 0], [1, 0]]], clip_ids=["tiny/c0s2r0"])
    with pytest.raises(LeakError, match="its role is 'seen_test'"):
        world.run()


def test_two_classes_of_one_name_are_refused(world: World) -> None:
    world.write_prompts(["sit", "stand", "wave", "Sit"])
    with pytest.raises(LeakError, match="classes 0 and 3 are both named 'Sit'"):
        world.run()


def test_two_classes_of_one_text_vector_are_refused(world: World) -> None:
    vectors = np.eye(4, dtype=np.float32)
    vectors[3] = 2 * vectors[1]
    world.write_texts(vectors)
    with pytest.raises(LeakError, match="classes 1 and 3 have the same text vector"):
        world.run()


def test_texts_of_a_class_weigh_alike_however_long_their_vectors_are(world: World) -> None:
    """The mean of texts of length 1 and 100 has the direction of another class's text only where each is made 1."""
    vectors = np.eye(5, dtype=np.float32)
    vectors[1] *= 100
    vectors[2, :2] = 1
    vectors[2, 2] = 0
    with store.create(world.inputs.embeddings, {"dataset": "tiny"}) as texts:
        texts.group("label", ["0000-00", "0000-01", "0001-00", "0002-00", "0003-00"]).put("pooled", vectors)
    with pytest.raises(LeakError, match="classes 0 and 1 have the same text vector"):
        world.run()


def test_several_classes_may_share_a_verb(world: World) -> None:
    with store.create(world.inputs.embeddings, {"dataset": "tiny"}) as texts:
        for kind in ("label", "noun", "verb"):
            vectors = np.eye(4, dtype=np.float32) if kind == "label" else np.ones((4, 4), np.float32)
            texts.group(kind, [f"{c:04d}-00" for c in range(4)]).put("pooled", vectors)
    world.run()


def test_texts_of_every_seed_are_audited(world: World) -> None:
    with store.create(world.inputs.embeddings, {"dataset": "tiny"}) as texts:
        for seed in (0, 5):
            vectors = np.eye(4, dtype=np.float32)
            vectors[3] += vectors[1] * seed * 1e6
            texts.group(f"label@{seed}", [f"{c:04d}-00" for c in range(4)]).put("pooled", vectors)
    with pytest.raises(LeakError, match="group 'label@5': classes 1 and 3 have the same text vector"):
        world.run()


def test_a_class_without_a_text_is_refused(world: World) -> None:
    world.write_texts(np.eye(3, dtype=np.float32))
    with pytest.raises(DataError, match=r"no text of classes \[3\]"):
        world.run()


@pytest.mark.parametrize("key", ["dataset", "split_table"])
def test_scores_of_another_dataset_or_split_table_are_refused(world: World, key: str) -> None:
    world.write_scores(method=METHOD | {key: "other"})
    with pytest.raises(DataError, match=f"scores: made for {key.replace('_', ' ')} 'other'"):
        world.run()


def test_scores_made_with_other_embeddings_than_the_audited_ones_are_refused(world: World) -> None:
    world.write_scores(method=METHOD | {"embeddings": "tiny-twins"})
    with pytest.raises(DataError, match="scores: made with the embeddings 'tiny-twins', this row audits 'tiny-minilm'"):
        world.run()


def test_scores_of_a_split_that_is_not_there_are_refused(world: World) -> None:
    world.write_scores(split="s7")
    with pytest.raises(DataError, match="split 's7' is not in the split table"):
        world.run()


@pytest.mark.parametrize("changes", [{"selected": 2}, {"settings": ["1"]}])
def test_settings_that_do_not_fit_the_scores_are_refused(world: World, changes: dict[str, Any]) -> None:
    world.write_scores(**changes)
    with pytest.raises(FormatError, match="settings and scores do not fit"):
        world.run()


def test_nothing_is_written_where_the_audit_fails(world: World) -> None:
    world.write_scores(training_classes=[3])
    with pytest.raises(LeakError):
        world.run()
    assert not (world.root / "out.json").exists()
    assert not (world.root / "out.parquet").exists()
