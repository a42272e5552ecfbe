"""A tiny case with known answers: two seen classes, two unseen ones, subjects 1 (training) and 2 (test)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import scores as scores_format
from pipeline.core import store, tables
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.roles import UNKNOWN_CLIPS, clips_digest
from pipeline.core.schemas import CLIPS, PREDICTIONS, PROMPTS, SPLIT
from pipeline.core.scores import Provenance, Scores
from pipeline.steps.evaluate import Bootstrap, EvaluateRow, Inputs, evaluate

NAMES = ["sit", "stand", "wave", "clap"]
METHOD = {
    "dataset": "tiny",
    "split_table": "random",
    "modality": "skeleton",
    "encoder": "stgcn",
    "method": "ridge",
    "variant": "plain",
    "embeddings": "tiny-minilm",
}
ROW = EvaluateRow(
    dataset="tiny", split_table="random", scores="align/x", embeddings="tiny-minilm", oracle_selection=False
)
ORACLE = ROW.model_copy(update={"oracle_selection": True})
BOOTSTRAP = Bootstrap(num_resamples=50, seed=0)
PARTS = {"fit": [0], "val": [1], "unseen": [2, 3]}
# class, subject -> role
ROLES = {(0, 1): "fit", (1, 1): "val", (0, 2): "seen_test", (2, 2): "unseen_test", (3, 2): "unseen_test"}


class World:
    """The inputs of one evaluation, each of which a test may replace."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inputs = Inputs(
            root / "align",
            root / "clips.parquet",
            root / "split.parquet",
            root / "texts.zarr",
            root / "prompts.parquet",
        )
        self.clips = [(f"tiny/c{c}s{s}r{r}", c, s) for c, s in ROLES for r in range(2)]
        self.write_clips()
        self.write_split(PARTS)
        self.write_texts(np.eye(4, dtype=np.float32))
        self.write_prompts(NAMES)
        self.write_scores()

    def write_clips(self, changes: dict[str, Any] | None = None) -> None:
        blank = dict.fromkeys(("camera", "setup", "replication", "reason"))
        rest = {"modality": "skeleton", "path": "x", "num_frames": 9, "num_bytes": 9}
        told = changes or {}
        rows = [
            {"clip_id": i, "class_id": c, "subject": s, "content_hash": i, **blank, **rest, **told.get(i, {})}
            for i, c, s in self.clips
        ]
        tables.write(self.inputs.clips, CLIPS, rows, {"class_names": NAMES})

    def write_split(self, parts: dict[str, list[int]], forged: dict[str, Any] | None = None, **changes: Any) -> None:
        forged = forged or {}
        meta = {"dataset": "tiny", "split_table": "random", "protocol": "xsub", "splits": {"s0": parts}, **changes}
        rows = [
            {"split": "s0", "clip_id": i, "role": role, "class_id": c if role in ("fit", "val") else None}
            | {"held_out": False}
            | forged.get(i, {})
            for i, c, s in self.clips
            for role in [ROLES[c, s]]
        ]
        tables.write(self.inputs.split, SPLIT, rows, meta)

    def write_texts(self, vectors: np.ndarray) -> None:
        with store.create(self.inputs.embeddings, {"dataset": "tiny"}) as texts:
            texts.group("label", [f"{c:04d}-00" for c in range(len(vectors))]).put("pooled", vectors)

    def write_prompts(self, names: list[str]) -> None:
        rows = [
            {
                "class_id": c,
                "class_name": n,
                "type": "label",
                "index": 0,
                "origin": "template",
                "text": n,
            }
            for c, n in enumerate(names)
        ]
        tables.write(self.inputs.prompts, PROMPTS, rows)

    def write_scores(self, values: Any = None, method: dict[str, str] = METHOD, **changes: Any) -> None:
        """Two settings: the first is right on clip 0 and 3, the second on all but clip 3."""
        known = [[[1, 0], [1, 0]], [[0, 1], [1, 0]], [[1, 0], [0, 1]], [[0, 1], [1, 0]]]
        about = {
            "split": "s0",
            "seed": 0,
            "label_space": "unseen",
            "inference": "inductive",
            "selection": "validation",
            "refit": "seen",
            "settings": ["1", "2"],
            "selected": 0,
            "class_ids": [2, 3],
            "training_classes": [0, 1],
            "pairs": None,
            "paired_classes": [],
            "pretrained": None,
            "source": None,
            "source_classes": [],
            "kept_overlap": [],
            "training_clips": None,
            "calibration": None,
        }
        gate = changes.pop("gate", None)
        clip_ids = changes.pop("clip_ids", ["tiny/c2s2r0", "tiny/c2s2r1", "tiny/c3s2r0", "tiny/c3s2r1"])
        with store.create(self.inputs.scores / scores_format.STORE, method) as out:
            array = np.array(known if values is None else values, dtype=np.float32)
            scores_format.write(out, Scores(Provenance(**(about | changes)), clip_ids, array, gate))

    def run(self, row: EvaluateRow = ROW) -> dict[str, Any]:
        evaluate(
            row,
            BOOTSTRAP,
            self.inputs,
            out=self.root / "out.json",
            predictions=self.root / "out.parquet",
            shown=self.root / "pages/out",
        )
        found: dict[str, Any] = json.loads((self.root / "out.json").read_text())
        return found


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


def test_predictions_are_kept_with_truth_rank_and_class_names(world: World) -> None:
    world.run(ORACLE)
    lines = tables.read_rows(world.root / "out.parquet", PREDICTIONS)
    oracle = [line for line in lines if line["selection"] == "oracle"]
    assert len(lines) == 8
    assert [(line["subject"], line["class_id"], line["predicted"], line["rank"]) for line in oracle] == [
        (2, 2, 2, 1),
        (2, 2, 2, 1),
        (2, 3, 3, 1),
        (2, 3, 2, 2),
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
    world.write_scores(training_clips=clips_digest(clip_ids), training_classes=classes)
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
        texts.group("movement", [f"{c:04d}-00" for c in range(4)]).put("pooled", np.ones((4, 3), dtype=np.float32))
    assert world.run()["rows"]


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
    rows = tables.read_rows(world.inputs.clips, CLIPS)
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
