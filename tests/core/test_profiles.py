"""A profile says a thing once: every rule by which it is written out, in a small profile that uses them all."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.core import profiles
from pipeline.core.errors import ParamsError

FILE = Path("mine.yaml")
STAGES = (
    "synthesize", "graph", "negate", "ingest", "split", "prompt", "embed", "preprocess", "pretrain", "extract", "adopt",
    "bind", "rest", "align", "transfer", "cross", "evaluate", "compare", "retrieve",
)  # fmt: skip
SHORT = """
synthesize: {rows: {toy: {}, toy_vg: {}}}
graph: {rows: {toy_vg: {}}}
negate: {rows: {toy_vg: {}}}
ingest: {rows: {toy: {}, gym: {}}}
split: {rows: {toy-wide: {splits: [a, b], protocol: xsub}, gym-targets: {splits: [half, full]}}}
prompt: {rows: {toy: {}}}
embed: {rows: {toy-clip: {}, gym-clip: {}}}
preprocess: {rows: {toy-video-small: {}}}
pretrain:
  defaults: {dataset: toy, split_table: wide, text: null, seeds: [0]}
  rows:
    toy-video-cnn: {modality: video, recipe: small, encoder: cnn, seeds: [0, 1]}
    toy-video-told: {text: {scale: 1.0}, taught_by: features/embed/toy-clip.zarr}
extract:
  rows:
    toy-video-cnn: {}
    toy-video-tokens: {weights: features/pretrain/toy-video-cnn, encoder: other}
    toy-video-clip: {weights: requirements.txt, dataset: toy, split_table: null}
adopt: {rows: {gym: {}}}
bind: {rows: {toy-bound: {dataset: toy, split_table: wide, senses: {depth: {encoder: vit}, low: {modality: thermal}}}}}
rest:
  rows:
    toy-rest:
      source: {dataset: toy, split_table: wide, split: a, embeddings: toy-clip}
      targets: {gym: {embeddings: gym-clip}}
    toy-stored: {source: {dataset: toy, files: null}}
align:
  rows:
    toy-ridge: {features: extract/toy-video-cnn.zarr, embeddings: toy-clip}
    toy-bound: {features: bind/toy-bound/depth.zarr, refit_features: other, splits: [b]}
    toy-rest: {features: rest/toy-rest/toy.zarr}
    toy-clip: {features: extract/toy-video-clip.zarr, split_table: wide}
transfer: {rows: {toy-prototypes: {features: extract/toy-video-cnn.zarr}}}
cross:
  rows:
    toy-gym:
      source: {features: rest/toy-rest/toy.zarr}
      target: {features: rest/toy-rest/gym.zarr, split_table: targets}
evaluate: {defaults: {oracle_selection: true}, rows: {toy-bound: {oracle_selection: false}}}
retrieve: {rows: {toy-bound: {}}}
report:
  title: toy
  tables:
    first:
      columns: {top1: {figure: top1}, both: {figure: harmonic_mean, splits: [a]}, printed: {paper: sgfa}}
      rows: [{title: ridge, cells: toy-ridge}, {title: theirs, published: sgfa}, {title: one, cells: {top1: toy-rest}}]
"""
TASK = {"dataset": "toy", "split_table": "wide"}
CNN = "extract/toy-video-cnn.zarr"
EXPECTED: dict[str, Any] = {
    # the section of a stage that is not used
    "compare": {"rows": {}},
    # where recordings lie
    "ingest.rows": {"toy": {"source": "data/synthesize/toy"}, "gym": {"source": "data/raw/gym"}},
    "graph.rows.toy_vg.source": "data/synthesize/toy_vg",
    "negate.rows.toy_vg.source": "data/synthesize/toy_vg",
    "adopt.rows.gym": {"dataset": "gym", "source": "data/raw/gym"},
    # what the name of a row says
    "split.rows.toy-wide": {
        "splits": ["a", "b"], "protocol": "xsub", "dataset": "toy", "name": "wide",
        "val_classes": {"share": 0.2, "min": 3},
    },
    "split.rows.gym-targets.val_classes": None,
    "prompt.rows.toy.dataset": "toy",
    "preprocess.rows.toy-video-small": {
        "dataset": "toy", "modality": "video", "recipe": "small", "source": "data/synthesize/toy",
    },
    # what rows share, and a row that says otherwise
    "pretrain.rows.toy-video-cnn.seeds": [0, 1],
    "pretrain.rows.toy-video-told.seeds": [0],
    # what an encoder learns from
    "pretrain.rows.toy-video-cnn.splits": ["a", "b"],
    "pretrain.rows.toy-video-cnn.taught_by": "data/ingest/toy.parquet",
    "pretrain.rows.toy-video-told.taught_by": "features/embed/toy-clip.zarr",
    # what weights are of
    "extract.rows.toy-video-cnn": {
        **TASK, "modality": "video", "recipe": "small", "encoder": "cnn",
        "weights": "features/pretrain/toy-video-cnn", "options": {},
    },
    "extract.rows.toy-video-tokens.recipe": "small",
    "extract.rows.toy-video-tokens.encoder": "other",
    "extract.rows.toy-video-clip": {"weights": "requirements.txt", "dataset": "toy", "split_table": None},
    # senses, their splits, and the row of retrieve that asks them
    "bind.rows.toy-bound.splits": ["a", "b"],
    "bind.rows.toy-bound.senses.depth.modality": "depth",
    "bind.rows.toy-bound.senses.low.modality": "thermal",
    "retrieve.rows.toy-bound": {"bound": "toy-bound", **TASK},
    # videos of rest
    "rest.rows.toy-rest.source.files": "data/synthesize/toy",
    "rest.rows.toy-rest.targets.gym": {"embeddings": "gym-clip", "files": "data/raw/gym"},
    "rest.rows.toy-stored.source": {"dataset": "toy", "files": None},
    # what features are of
    "align.rows.toy-ridge": {
        "features": CNN, "embeddings": "toy-clip", **TASK, "splits": ["a", "b"], "refit_features": f"{CNN}/zarr.json",
    },
    "align.rows.toy-bound": {
        "features": "bind/toy-bound/depth.zarr", "refit_features": "other", "splits": ["b"], **TASK,
    },
    "align.rows.toy-rest.dataset": "toy",
    "align.rows.toy-clip.dataset": "toy",
    "align.rows.toy-clip.splits": ["a", "b"],
    "transfer.rows.toy-prototypes": {"features": CNN, **TASK, "splits": ["a", "b"]},
    "cross.rows.toy-gym": {
        "source": {"features": "rest/toy-rest/toy.zarr", **TASK, "split": "a", "embeddings": "toy-clip"},
        "target": {
            "features": "rest/toy-rest/gym.zarr", "split_table": "targets", "dataset": "gym", "embeddings": "gym-clip",
        },
        "splits": ["half", "full"],
    },
    # all that was scored is evaluated
    "evaluate.rows": {
        "toy-ridge": {"scores": "align/toy-ridge", "oracle_selection": True, **TASK, "embeddings": "toy-clip"},
        "toy-bound": {"scores": "align/toy-bound", "oracle_selection": False, **TASK},
        "toy-rest": {"scores": "align/toy-rest", "oracle_selection": True, **TASK},
        "toy-clip": {"scores": "align/toy-clip", "oracle_selection": True, **TASK},
        "toy-prototypes": {"scores": "transfer/toy-prototypes", "oracle_selection": True, **TASK},
        "toy-gym": {
            "scores": "cross/toy-gym", "oracle_selection": True, "dataset": "gym", "split_table": "targets",
            "embeddings": "gym-clip",
        },
    },
    # tables
    "report.tables.first.columns": {
        "top1": {"figure": "top1", "splits": None},
        "both": {"figure": "harmonic_mean", "splits": ["a"]},
        "printed": {"paper": "sgfa"},
    },
    "report.tables.first.rows": [
        {"title": "ridge", "cells": {"top1": "toy-ridge", "both": "toy-ridge"}, "published": None},
        {"title": "theirs", "published": "sgfa", "cells": {}},
        {"title": "one", "cells": {"top1": "toy-rest"}, "published": None},
    ],
}  # fmt: skip


def short() -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(SHORT)
    return tree


@pytest.mark.parametrize("path", EXPECTED)
def test_what_a_profile_leaves_out_follows(path: str) -> None:
    value: Any = profiles.expand(short(), STAGES, FILE)
    for key in path.split("."):
        value = value[key]
    assert value == EXPECTED[path]


def test_no_row_keeps_what_rows_share_in_a_place_of_its_own() -> None:
    tree = profiles.expand(short(), STAGES, FILE)
    assert not any("defaults" in section for section in tree.values())


def test_a_complete_profile_is_left_as_it_is_and_its_values_are_not_touched() -> None:
    tree = short()
    complete = profiles.expand(tree, STAGES, FILE)
    assert tree == short()
    again = profiles.expand(complete, STAGES, FILE)
    assert yaml.safe_dump(again, sort_keys=False) == yaml.safe_dump(complete, sort_keys=False)


@pytest.mark.parametrize(
    ("section", "rows", "message"),
    [
        ("align", "{x: {features: extract/typo.zarr}}", r"x' names the row 'typo' of extract.*toy-video-cnn"),
        ("align", "{x: {features: data/x}}", r"x' names features 'data/x'; expected those of extract, adopt"),
        ("align", "{x: {features: rest/toy-rest/typo.zarr}}", r"'toy-rest' of rest has the datasets \['gym', 'toy'\]"),
        ("align", "{x: {embeddings: typo}}", r"align.rows.x' names the row 'typo' of embed.*toy-clip"),
        ("align", "{x: {dataset: toy, split_table: typo}}", r"names the row 'toy-typo' of split"),
        ("extract", "{x: {weights: features/pretrain/typo}}", r"extract.rows.x' names the row 'typo' of pretrain"),
        ("preprocess", "{typo-video-small: {}}", r"names the row 'typo' of ingest.*there are \['gym', 'toy'\]"),
        ("negate", "{typo: {}}", r"negate.rows.typo' names the row 'typo' of graph"),
        ("retrieve", "{typo: {}}", r"retrieve.rows.typo' names the row 'typo' of bind"),
        ("rest", "{x: {source: {dataset: typo}}}", r"rest.rows.x' names the row 'typo' of ingest"),
        ("evaluate", "{typo: {}}", r"evaluate.rows.typo' names no row of align, transfer, cross; there are \['toy-b"),
        ("evaluate", "{x: {scores: align/typo}}", r"evaluate.rows.x' names the row 'typo' of align"),
        ("transfer", "{toy-ridge: {}}", r"transfer.rows.toy-ridge' has the name of align/toy-ridge; rename one"),
        ("ingest", "{toy: null}", r"ingest.rows.toy' should have keys and values, or be {}; found None"),
        ("ingest", "[toy]", r"ingest.rows' should have keys and values"),
        ("extract", "{x: {weights: 3}}", "extract.rows.x' has a value of the wrong kind"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_one_clear_line(section: str, rows: str, message: str) -> None:
    tree = short()
    added = yaml.safe_load(rows)
    tree[section]["rows"] = tree[section]["rows"] | added if isinstance(added, dict) else added
    with pytest.raises(ParamsError, match=rf"^mine\.yaml: section '.*{message}"):
        profiles.expand(tree, STAGES, FILE)


@pytest.mark.parametrize(
    ("section", "value", "message"),
    [
        ("align", 3, " should have keys and values, or be {}; found 3"),
        ("compare", {"defaults": [1]}, ".defaults' should have keys and values"),
        ("align", {"default": {}}, r" has the key 'default'; write 'defaults'"),
        ("align", {"row": {}}, r" has the key 'row'; write 'rows'"),
        ("allign", {"rows": {}}, r" belongs to no stage; there are \['adopt', 'align'"),
        ("report", {"tables": {"first": {"rows": []}}}, r".tables.first' lacks a key"),
    ],
)
def test_a_section_that_does_not_fit_is_one_clear_line(section: str, value: object, message: str) -> None:
    with pytest.raises(ParamsError, match=rf"^mine\.yaml: section '{section}'?{message}"):
        profiles.expand(short() | {section: value}, STAGES, FILE)
