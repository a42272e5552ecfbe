"""Every row of every profile is understood by its stage and names what is there: rows at full scale nobody runs."""

import ast
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.commands import profile
from pipeline.core import dag, members
from pipeline.core.bound import HUB
from pipeline.core.params import parse
from pipeline.datasets import shared
from pipeline.steps import report, split
from pipeline.training import selection

ROOT = Path(__file__).parents[1]
Tree = dict[str, Any]

Models = dict[str, type[BaseModel]]  # by section of params, as "align.rows" and "align.compute"


def _models(stage: str) -> Models:
    """What a stage's file loads: calls such as params.row(adopt.Row, "adopt", row), where the section is plain text."""
    code = ast.parse((ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8"))
    imported = {
        name.asname or name.name: f"{node.module}.{name.name}"
        for node in ast.walk(code)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    found: Models = {}
    for node in ast.walk(code):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("params.row", "params.load"):
            model, section = node.args[:2]
            if isinstance(section, ast.Constant):
                base, _, name = ast.unparse(model).rpartition(".")
                path = f"{imported[base]}.{name}" if base else imported[name]
                key = f"{section.value}.rows" if ast.unparse(node.func) == "params.row" else str(section.value)
                found[key] = pkgutil.resolve_name(path)
    return found


MODELS = {stage: _models(stage) for stage in members.names("pipeline.steps")}


def _tree(name: str) -> dict[str, Any]:
    """As the stages read it."""
    return profile.tree(name)


EVERY = pytest.mark.parametrize("tree", [pytest.param(_tree(p), id=p) for p in profile.names()])


@EVERY
def test_the_stages_understand_every_row_and_what_stands_beside_it(tree: Tree) -> None:
    parse(report.Report, tree["report"], "a profile")
    for stage, models in MODELS.items():
        rows = tree.get(stage, {}).get("rows", {})
        for section, model in models.items() if rows else ():
            name, key = section.split(".")
            for settings in rows.values() if key == "rows" else [tree[name][key]]:
                parse(model, settings, "a profile")


def test_the_params_of_every_stage_with_rows_are_known() -> None:
    told = {stage for stage, entry in dag.read_stages(ROOT / "dvc.yaml").items() if "foreach" in entry}
    assert {stage for stage, models in MODELS.items() if f"{stage}.rows" in models} == told
    assert {"align.compute", "bind.running", "extract.batches", "transfer.page"} <= set().union(*MODELS.values())


@EVERY
def test_the_members_understand_their_options(tree: Tree) -> None:
    for row in tree["preprocess"]["rows"].values():
        recipes = f"pipeline.modalities.{row['modality']}.recipes"
        parse(members.load(recipes, row["recipe"]).Params, row["options"], "a profile")
    for encoding_row in (*tree["pretrain"]["rows"].values(), *senses(tree)):
        parse(member(encoding_row).Params, encoding_row["options"], "a profile")
    for name, variants in tree["align"].get("methods", {}).items():
        for variant in variants.values():
            parse(selection.method(name).Params, variant, "a profile")


@EVERY
def test_datasets_have_the_splits_and_protocols_that_are_named(tree: Tree) -> None:
    for key, row in tree["split"]["rows"].items():
        dataset = shared.load(row["dataset"])
        assert key == f"{row['dataset']}-{row['name']}"
        assert row["dataset"] in (tree["ingest"]["rows"] | tree["adopt"]["rows"])
        assert row["protocol"] in {None, split.FILES, *dataset.subjects}


@EVERY
def test_encoders_see_clips_that_are_prepared_in_the_size_that_they_expect(tree: Tree) -> None:
    prepared = {(r["dataset"], r["modality"], r["recipe"]): r["options"] for r in tree["preprocess"]["rows"].values()}
    for row in tree["bind"]["rows"].values():
        for sense in (row["hub"], *row["senses"].values()):
            seen = flat(prepared[row["dataset"], sense["modality"], sense["recipe"]])
            sizes = ("num_frames",) if sense["modality"] == "skeleton" else ("num_frames", "height", "width")
            for size in sizes:
                assert sense["options"].get(size, seen.get(size)) == seen.get(size)
    for row in (*tree["pretrain"]["rows"].values(), *tree["extract"]["rows"].values()):
        assert (row["dataset"], row["modality"], row["recipe"]) in prepared


@EVERY
def test_rows_name_rows_that_there_are(tree: Tree) -> None:
    stored = set(stores(tree))
    for row in (*tree["align"]["rows"].values(), *tree["transfer"]["rows"].values()):
        assert row["features"] in stored
        assert row["embeddings"] in tree["embed"]["rows"]
        assert "variant" not in row or row["variant"] in tree["align"]["methods"][row["method"]]
        assert set(row["splits"]) <= set(tree["split"]["rows"][f"{row['dataset']}-{row['split_table']}"]["splits"])
    for row in tree["cross"]["rows"].values():
        for side in (row["source"], row["target"]):
            assert side["features"] in stored
            assert tree["embed"]["rows"][side["embeddings"]]["dataset"] == side["dataset"]
            splits = {side["split"]} if "split" in side else {*row["splits"]}
            assert splits <= set(tree["split"]["rows"][f"{side['dataset']}-{side['split_table']}"]["splits"])
        how = row["how"]
        assert "variant" not in how or how["variant"] in tree["align"]["methods"][how["method"]]
    for row in tree["evaluate"]["rows"].values():
        stage, key = row["scores"].split("/")
        scored = tree[stage]["rows"][key]
        scored = scored["target"] if stage == "cross" else scored
        assert {name: row[name] for name in ("dataset", "split_table", "embeddings")} == {
            name: scored[name] for name in ("dataset", "split_table", "embeddings")
        }


@EVERY
def test_a_row_that_refits_the_encoder_too_names_the_same_one_taught_all_seen_classes(tree: Tree) -> None:
    for row in tree["align"]["rows"].values():
        if row["refit"] == "both":
            once, again = (of_extract(tree, row[name]) for name in ("features", "refit_features"))
            same = ("dataset", "split_table", "modality", "recipe", "encoder", "options")
            assert [again[name] for name in same] == [once[name] for name in same]
            trained = [tree["pretrain"]["rows"][Path(one["weights"]).name] for one in (once, again)]
            assert [one["classes"] for one in trained] == ["fit", "seen"]
            assert all({*row["splits"]} <= {*one["splits"]} for one in trained)
            assert all({*row["seeds"]} <= {*one["seeds"]} for one in trained)


@EVERY
def test_a_method_finds_the_array_that_it_reads_among_the_features(tree: Tree) -> None:
    for row in tree["align"]["rows"].values():
        need = selection.method(row["method"]).NEEDS
        if need != "pooled":
            assert of_extract(tree, row["features"])[need]
            assert row["refit"] != "both" or of_extract(tree, row["refit_features"])[need]


def of_extract(tree: Tree, features: str) -> Tree:
    """The row that leaves a store of features."""
    row: Tree = tree["extract"]["rows"][features.removeprefix("extract/").removesuffix(".zarr")]
    return row


@EVERY
def test_rows_of_rest_name_datasets_texts_and_splits_that_there_are(tree: Tree) -> None:
    for row in tree["rest"]["rows"].values():
        source = row["source"]
        table = tree["split"]["rows"][f"{source['dataset']}-{source['split_table']}"]
        assert source["split"] in table["splits"]
        for dataset, asked in {source["dataset"]: source, **row["targets"]}.items():
            assert tree["embed"]["rows"][asked["embeddings"]]["dataset"] == dataset
            assert asked["files"] in (None, tree["ingest"]["rows"][dataset]["source"])
        assert set(row["input"].get("features", {}).values()) <= set(stores(tree))


@EVERY
def test_weights_are_of_rows_or_files_that_there_are(tree: Tree) -> None:
    starts = [sense["start"] for sense in senses(tree) if sense["start"] not in (None, HUB)]
    hubs = [row["hub"]["weights"] for row in tree["bind"]["rows"].values()]
    texts = [row["weights"] for row in tree["embed"]["rows"].values()]
    for path in (*starts, *hubs, *texts, *(row["weights"] for row in tree["extract"]["rows"].values())):
        _, stage, key = path.split("/") if path.startswith("features/") else ("", "", "")
        is_brought = path.startswith("data/raw/")
        assert is_brought or (key in tree[stage]["rows"] if stage else Path(path).is_file()), path


def test_a_row_that_is_compared_by_cosine_names_texts_beside_its_features() -> None:
    """Vectors of one CLIP say nothing beside texts of another."""
    for name in profile.names():
        tree = _tree(name)
        for row in tree["align"]["rows"].values():
            if row["method"] == "cosine":
                stage, key = row["features"].removesuffix(".zarr").split("/")[:2]
                found = tree[stage]["rows"][key]
                assert found.get("hub", found)["weights"] == tree["embed"]["rows"][row["embeddings"]]["weights"]


def senses(tree: Tree) -> Iterator[Tree]:
    """Those that rows of bind train."""
    for row in tree["bind"]["rows"].values():
        yield from row["senses"].values()


def member(row: Tree) -> Any:
    """The file of an encoder."""
    return members.load(f"pipeline.modalities.{row['modality']}", row["encoder"])


def flat(options: Tree) -> Tree:
    """Options of a recipe; those of its sampling are its own."""
    return {**options, **options.get("sampling", {})}


def stores(tree: Tree) -> Iterator[str]:
    """The stores of vectors below features/ that a profile makes."""
    for stage in ("extract", "adopt"):
        yield from (f"{stage}/{key}.zarr" for key in tree[stage]["rows"])
    for key, row in tree["bind"]["rows"].items():
        yield from (f"bind/{key}/{name}.zarr" for name in (HUB, *row["senses"]))
        yield from (f"bind/{key}/fused-{name}.zarr" for name in row["fused"])
    for key, row in tree["rest"]["rows"].items():
        yield from (f"rest/{key}/{dataset}.zarr" for dataset in (row["source"]["dataset"], *row["targets"]))
