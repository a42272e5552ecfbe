"""graph, caption and negate in one go over the demo genomes: joined by id, whole, the same on every run."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
from PIL import Image

from pipeline.commands.show_graph import show_graph
from pipeline.core import pages, stamp, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES
from pipeline.formats import action_genome
from pipeline.graphs.corpora.visual_genome import RegionParams
from pipeline.graphs.scene import from_json
from pipeline.steps.caption import caption
from pipeline.steps.graph import graph
from pipeline.steps.negate import negate
from pipeline.text.captions import pieces_from_json
from pipeline.text.clip_tokens import tokens
from tests.steps.genomes import AG_ROW, INLINE, RULES, TELL, VG, negating, run, vg_row


def test_every_graph_has_its_caption_and_negatives_by_id(done):
    kind, root, _ = done
    graphs = tables.read_table(root / "graph.parquet", GRAPHS).to_pylist()
    told = tables.read_table(root / "caption.parquet", CAPTIONS).to_pylist()
    false = tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist()
    assert [(r["image_id"], r["region"]) for r in graphs] == [(r["image_id"], r["region"]) for r in told]
    assert {r["rule"] for r in false} == (
        set(RULES) if kind == "vg" else set(RULES) - {"exchange_attributes", "replace_attribute"}
    )
    texts = {(r["image_id"], r["region"]): r["fitted"] for r in told}
    for row in false:
        assert row["caption"] == texts[row["image_id"], row["region"]] != row["text"]
        objects = {
            thing.id
            for g in graphs
            if (g["image_id"], g["region"]) == (row["image_id"], row["region"])
            for thing in from_json(g["graph"]).objects
        }
        assert set(row["objects"]) <= objects
    assert sum(r["region"] != "" for r in graphs) == (0 if kind == "ag" else len(graphs) - VG.images)


def test_regions_stand_beside_their_image_and_frames_beside_their_video(done):
    kind, root, _ = done
    rows = tables.read_table(root / "graph.parquet", GRAPHS).to_pylist()
    sides: dict[str, set[str]] = {}
    for row in rows:
        sides.setdefault(row["video"] or row["image_id"], set()).add(row["part"])
    assert all(len(side) == 1 for side in sides.values())
    assert {"train", "val"} == set().union(*sides.values())
    assert len(rows) > len(sides)
    assert all((row["video"] is None) == (row["frame"] is None) == (kind == "vg") for row in rows)


def test_pictures_are_there_with_their_true_size_and_relations_say_what_is_an_action(done):
    kind, root, _ = done
    for row in tables.read_table(root / "graph.parquet", GRAPHS).to_pylist():
        assert (row["has_picture"], row["picture_width"], row["picture_height"]) == (True, 96, 72)
        made = from_json(row["graph"])
        for place, edge in enumerate(made.relations):
            deeds = (
                {"holding", "wearing"} if kind == "vg" else {e.predicate for e in made.relations if e.group[:1] == "c"}
            )
            assert (place in row["actions"]) == (edge.predicate in deeds - {"not contacting"})
        assert (row["phrase"] is not None) == (row["region"] != "")


def test_a_picture_that_is_missing_or_says_another_size_is_told(worlds, tmp_path):
    source = tmp_path / "other"
    shutil.copytree(worlds / "vg", source)
    pictures = sorted((source / "VG_100K").iterdir())
    pictures[0].unlink()
    pictures[1].write_bytes(b"no picture")
    Image.new("RGB", (50, 40)).save(pictures[2])
    stamp.write(source, stamp.scan(source))
    graph(vg_row(), INLINE, source=source, out=tmp_path / "graph.parquet")
    rows = [row for row in tables.read_table(tmp_path / "graph.parquet", GRAPHS).to_pylist() if not row["region"]]
    found = {row["image"]: (row["has_picture"], row["picture_width"], row["picture_height"]) for row in rows}
    named = [f"VG_100K/{picture.name}" for picture in pictures[:3]]
    assert [found[name] for name in named] == [(False, None, None), (True, None, None), (True, 50, 40)]
    faults = {row["image"]: row["faults"] for row in rows if row["faults"]}
    assert faults == {named[1]: [f"picture without a size: {named[1]}"]}


def test_a_picture_of_an_impossible_name_is_not_there(worlds, tmp_path):
    source = tmp_path / "other"
    shutil.copytree(worlds / "vg", source)
    about = json.loads((source / "image_data.json").read_text())
    about[0]["url"] = f"https://demo.invalid/VG_100K/{'a' * 5000}.png"
    (source / "image_data.json").write_text(json.dumps(about))
    stamp.write(source, stamp.scan(source))
    graph(vg_row(), INLINE, source=source, out=tmp_path / "graph.parquet")
    rows = tables.read_table(tmp_path / "graph.parquet", GRAPHS).to_pylist()
    assert {row["image_id"] for row in rows if not row["has_picture"]} == {str(about[0]["image_id"])}


def test_tokens_are_those_of_the_texts(done):
    _, root, _ = done
    clip = tokens()
    for row in tables.read_table(root / "caption.parquet", CAPTIONS).to_pylist():
        assert row["num_tokens"] == clip.count(row["text"]) == sum(row["clause_tokens"]) + 2
        assert row["fitted_tokens"] == clip.count(row["fitted"]) <= 77
        every = clip.ids(row["fitted"])
        pieces = pieces_from_json(row["fitted_pieces"])
        for piece, (start, stop) in zip(pieces, row["fitted_piece_tokens"], strict=True):
            assert every[start:stop] == clip.ids(row["fitted"][piece.start : piece.stop])[1:-1]
        assert len(row["piece_tokens"]) == len(pieces_from_json(row["pieces"]))
    for row in tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist():
        assert row["num_tokens"] == clip.count(row["text"]) <= 77
        one, other = clip.ids(row["caption"]), clip.ids(row["text"])
        for (a, b), (c, d) in zip(row["caption_tokens"], row["text_tokens"], strict=True):
            assert one[a:b] != other[c:d]


def test_captions_are_fitted_to_the_tokens_asked_for(worlds, tmp_path):
    run(tmp_path, vg_row(), worlds / "vg")
    before = tables.read_table(tmp_path / "caption.parquet", CAPTIONS).to_pylist()
    few = TELL.model_copy(update={"max_tokens": 24})
    caption(few, INLINE, graphs=tmp_path / "graph.parquet", out=tmp_path / "few.parquet")
    after = tables.read_table(tmp_path / "few.parquet", CAPTIONS).to_pylist()
    assert [row["text"] for row in after] == [row["text"] for row in before]
    assert max(row["fitted_tokens"] for row in after) <= 24 < max(row["fitted_tokens"] for row in before)
    assert sum(row["num_said_fitted"] for row in after) < sum(row["num_said_fitted"] for row in before)
    changed = sum(row["fitted"] != row["text"] for row in after)
    assert tables.read_meta(tmp_path / "few.parquet", CAPTIONS)["num_fitted"] == changed > 0


def test_the_flag_says_what_the_annotation_shows(done):
    kind, root, _ = done
    rows = tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist()
    if kind == "vg":
        assert all(row["certain"] == (row["place"] != "object") for row in rows)
    else:
        assert {row["certain"] for row in rows if row["rule"].startswith("replace_") and row["place"] == "object"} == {
            False
        }
        assert {row["certain"] for row in rows if row["rule"] == "replace_predicate"} == {True}


def test_the_clause_that_differs_is_named(done):
    _, root, _ = done
    starts = {
        (r["image_id"], r["region"]): r["fitted_clause_starts"]
        for r in tables.read_table(root / "caption.parquet", CAPTIONS).to_pylist()
    }
    for row in tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist():
        first = next(i for i, (a, b) in enumerate(zip(row["caption"], row["text"], strict=False)) if a != b)
        bounds = [*starts[row["image_id"], row["region"]], len(row["caption"])]
        assert bounds[row["clause"]] <= first < bounds[row["clause"] + 1]


def test_the_same_bytes_on_two_runs_and_in_any_order_of_the_files(done, tmp_path):
    kind, root, source = done
    other = tmp_path / kind
    other.mkdir()
    for file in source.rglob("*"):
        target = other / file.relative_to(source)
        if file.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    for file in other.glob("*.json"):
        records = json.loads(file.read_text())[::-1]
        for record in records:
            for value in record.values():
                if isinstance(value, list):
                    value.reverse()
        file.write_text(json.dumps(records))
    if kind == "ag":
        for name in (action_genome.OBJECTS, action_genome.PERSONS):
            value = pickle.loads((other / name).read_bytes())
            (other / name).write_bytes(pickle.dumps(dict(reversed(value.items()))))
    stamp.write(other, stamp.scan(other))
    run(tmp_path, vg_row() if kind == "vg" else AG_ROW, other)
    for name in ("caption.parquet", "negate.parquet", "page/page.json"):
        assert (tmp_path / name).read_bytes() == (root / name).read_bytes(), name
    one, two = (tables.read_table(folder / "graph.parquet", GRAPHS) for folder in (tmp_path, root))
    assert one.equals(two)
    one, two = (tables.read_meta(folder / "graph.parquet", GRAPHS) for folder in (tmp_path, root))
    assert one == two | {"stamp": stamp.digest(other)}  # the files are others


def test_a_graph_table_says_where_its_pictures_are_and_changes_with_them(done, tmp_path):
    kind, root, source = done
    other = tmp_path / kind
    shutil.copytree(source, other)
    picture = min(other.rglob("*.png"))
    picture.write_bytes(picture.read_bytes() + b" ")
    stamp.write(other, stamp.scan(other))
    graph(vg_row() if kind == "vg" else AG_ROW, INLINE, source=other, out=tmp_path / "graph.parquet")
    meta = tables.read_meta(tmp_path / "graph.parquet", GRAPHS)
    before = tables.read_meta(root / "graph.parquet", GRAPHS)
    assert meta["source"] == before["source"] == "s"
    assert meta["stamp"] == stamp.digest(other) != before["stamp"] == stamp.digest(source)
    assert tables.read_table(tmp_path / "graph.parquet", GRAPHS).equals(
        tables.read_table(root / "graph.parquet", GRAPHS)
    )


def test_the_page_shows_samples_of_every_rule_and_statistics(done):
    kind, root, _ = done
    page = pages.read(root / "page" / pages.FILE)
    assert any("captions have more than 77 tokens" in line for line in page.text)
    false = tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist()
    certain = sum(row["certain"] for row in false)
    assert f"Of {len(false)} negatives the annotation itself shows {certain} to be false." in page.text
    assert "A swap exchanges two phrases, and with them what stands beside them in the clause." in page.text
    rules = next(table.rows for table in page.tables if table.title == "Negatives per rule")
    num_captions = len(tables.read_table(root / "caption.parquet", CAPTIONS).to_pylist())
    for rule, made, share, _ in rules:
        assert made == sum(row["rule"] == rule for row in false)
        assert share == pytest.approx(made / num_captions, abs=6e-4)
    assert {table.title for table in page.tables} == {
        "Sizes",
        "Negatives per rule",
        "Candidates dropped by reason",
        "Told by the text alone (0.5 is no leak)",
        "Samples",
    }
    assert all((root / "page" / image.file).is_file() for image in page.images)
    assert len(page.images) == 2 * (len(RULES) - (2 if kind == "ag" else 0))


def test_the_number_of_samples_is_what_was_asked_for(worlds, tmp_path):
    run(tmp_path, vg_row(), worlds / "vg", negating(samples_per_rule=0))
    assert pages.read(tmp_path / "page" / pages.FILE).images == []


def test_an_image_is_shown_with_caption_and_negatives(done, tmp_path):
    kind, root, source = done
    first = tables.read_table(root / "graph.parquet", GRAPHS).to_pylist()[0]["image_id"]
    paths = {
        "graphs": root / "graph.parquet",
        "captions": root / "caption.parquet",
        "negatives": root / "negate.parquet",
    }
    lines = show_graph(first, **paths, source=source, out=tmp_path / "a.png")
    assert lines[1].startswith("caption   A")
    assert any(line.startswith("swap_roles") for line in lines) or kind == "ag"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(DataError, match="no image 'none'"):
        show_graph("none", **paths, source=source, out=tmp_path / "b.png")


def bad(folder: Path, worlds: Path) -> Path:
    """The demo Visual Genome with one image that is given twice."""
    folder.mkdir()
    for file in (worlds / "vg").glob("*.json"):
        records = json.loads(file.read_text())
        (folder / file.name).write_text(json.dumps([*records, records[0]] if file.stem == "objects" else records))
    stamp.write(folder, stamp.scan(folder))
    return folder


def test_a_rejected_image_is_a_row_with_a_reason_and_has_no_caption(worlds, tmp_path):
    source = bad(tmp_path / "bad", worlds)
    run(tmp_path, vg_row(max_rejected=0.5), source)
    rejected = [row for row in tables.read_table(tmp_path / "graph.parquet", GRAPHS).to_pylist() if row["reason"]]
    assert [(row["image_id"], row["reason"], row["graph"]) for row in rejected] == [
        ("1", "duplicate image id: twice in objects.json", None)
    ]
    assert tables.read_meta(tmp_path / "graph.parquet", GRAPHS)["rejected"] == {"duplicate image id": 1}
    assert "1" not in {row["image_id"] for row in tables.read_table(tmp_path / "caption.parquet", CAPTIONS).to_pylist()}
    paths = {"graphs": tmp_path / "graph.parquet", "captions": tmp_path / "caption.parquet"}
    with pytest.raises(DataError, match="image '1' was rejected: duplicate"):
        show_graph("1", **paths, negatives=tmp_path / "negate.parquet", source=source, out=tmp_path / "a.png")


def test_too_many_rejected_images_fail_the_stage_and_leave_no_table(worlds, tmp_path):
    with pytest.raises(DataError, match="1 of 12 items rejected"):
        graph(vg_row(), INLINE, source=bad(tmp_path / "bad", worlds), out=tmp_path / "graph.parquet")
    assert not (tmp_path / "graph.parquet").exists()


def test_without_a_stamp_nothing_is_read(worlds, tmp_path):
    (tmp_path / "raw").symlink_to(worlds / "vg")
    with pytest.raises(DataError, match="unseen raw scan raw"):
        graph(vg_row(), INLINE, source=tmp_path / "raw", out=tmp_path / "graph.parquet")


def test_truncated_json_is_one_clear_line_and_no_half_table(worlds, tmp_path):
    source = bad(tmp_path / "bad", worlds)
    path = source / "relationships.json"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match="expected a JSON list of images"):
        graph(vg_row(), INLINE, source=source, out=tmp_path / "graph.parquet")
    assert not list(tmp_path.glob("graph*"))


def test_captions_of_other_graphs_are_refused(worlds, tmp_path):
    run(tmp_path, vg_row(), worlds / "vg")
    graph(
        vg_row(regions=RegionParams(max_regions=0, min_inside=0.8, max_area=0.5)),
        INLINE,
        source=worlds / "vg",
        out=tmp_path / "graph.parquet",
    )
    graph(AG_ROW, INLINE, source=worlds / "ag", out=tmp_path / "other.parquet")
    paths = {"graphs": tmp_path / "other.parquet", "captions": tmp_path / "caption.parquet", "source": worlds / "ag"}
    with pytest.raises(DataError, match="run `dvc repro caption`"):
        negate(negating(), INLINE, "demo", **paths, out=tmp_path / "negate.parquet", page=tmp_path / "page")


def test_the_real_excerpts_run_through(real_data, tmp_path):
    for version in ("v1.0", "v1.2"):
        source = tmp_path / version
        source.mkdir()
        for file in (real_data / "visual-genome" / version).iterdir():
            (source / file.name).write_bytes(file.read_bytes())
        stamp.write(source, stamp.scan(source))
        run(tmp_path, vg_row(regions=RegionParams(max_regions=0, min_inside=0.8, max_area=0.5)), source)
        assert len(tables.read_table(tmp_path / "caption.parquet", CAPTIONS).to_pylist()) == 5
        assert len(tables.read_table(tmp_path / "negate.parquet", NEGATIVES).to_pylist()) >= 25


@pytest.mark.parametrize("kind", ["vg", "ag"])
def test_progress_counts_images_and_ends_at_their_number(worlds, tmp_path, monkeypatch, kind):
    seen = []

    def counted(items, *, total, what):
        seen.append((len(kept := list(items)), total, what))
        return kept

    monkeypatch.setattr("pipeline.steps.graph.track", counted)
    graph(vg_row() if kind == "vg" else AG_ROW, INLINE, source=worlds / kind, out=tmp_path / "graph.parquet")
    ((num, total, what),) = seen
    assert (num, what) == (total, "images")
    assert tables.read_table(tmp_path / "graph.parquet", GRAPHS).num_rows >= num
