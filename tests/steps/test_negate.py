"""What negate leaves beside true and false captions: leaks, the judgement of regions, WordNet."""

from pathlib import Path

import pytest

from pipeline.core import pages, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES
from pipeline.graphs.scene import from_json
from pipeline.reporting import leak as leaking
from pipeline.reporting import negatives
from pipeline.steps.negate import negate
from pipeline.text import pools
from pipeline.text.captions import pieces_from_json
from pipeline.text.lexicon import Lexicon
from pipeline.text.negatives.shared import Scene
from pipeline.text.truth import Truth
from tests.steps.genomes import INLINE, negating, run, vg_row


def leak_of(root: Path) -> list[list[pages.Cell]]:
    tables_of_page = pages.read(root / "page" / pages.FILE).tables
    return next(table.rows for table in tables_of_page if table.title.startswith("Told by the text"))


def test_the_page_tells_the_leak_of_every_rule_beside_that_of_uniform_draws(done):
    kind, root, _ = done
    rows = leak_of(root)
    told = [(row[0], row[1]) for row in rows]
    assert {("replace_object", "seen"), ("replace_object", "uniform"), ("swap_roles", "seen")} <= set(told)
    for _, _, number, *shares in rows:
        assert number >= 0
        for share, low, high in (shares[:3], shares[3:]):
            assert share is None or 0 <= low <= share <= high <= 1
    swaps = next(row for row in rows if row[:2] == ["swap_roles", "seen"])
    assert swaps[3] == 0.5  # the same words
    if kind == "vg":
        assert swaps[6] > 0.8  # but not the same neighbours


def test_the_leak_is_measured_on_the_number_of_images_asked_for(worlds, tmp_path):
    run(tmp_path, vg_row(), worlds / "vg", negating(leak_images=0))
    assert leak_of(tmp_path) == []
    run(tmp_path, vg_row(), worlds / "vg", negating(leak_images=6))
    assert leak_of(tmp_path)


@pytest.mark.parametrize("done", ["vg"], indirect=True)
def test_uniform_draws_are_measured_once_and_make_other_negatives(worlds, done, tmp_path):
    uniform = pools.Params(max_words=64, draw=pools.Uniform(kind="uniform"))
    run(tmp_path, vg_row(), worlds / "vg", negating(pools=uniform))
    assert {row[1] for row in leak_of(tmp_path)} == {"uniform"}
    texts = [
        {row["text"] for row in tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist()}
        for root in (tmp_path, done[1])
    ]
    assert texts[0] != texts[1]


def test_the_uniform_draws_too_give_no_text_that_is_not_read_whole(done):
    _, root, _ = done
    lexicon, settings = Lexicon(), negating(leak_images=6)
    graphs = tables.read_table(root / "graph.parquet", GRAPHS).to_pylist()
    told = tables.read_table(root / "caption.parquet", CAPTIONS).to_pylist()
    statistics = pools.Statistics(lexicon)
    made = [from_json(row["graph"]) for row in graphs]
    for graph in made:
        statistics.add(graph)
    words = pools.Pools(statistics, settings.pools)
    for most, expected in ((0, set()), (999, {"uniform"})):
        leak = leaking.Leak(settings.negatives, settings.pools, statistics, 1.0)
        for graph, row in zip(made, told, strict=True):
            pieces = pieces_from_json(row["fitted_pieces"])
            scene = Scene(graph, row["fitted"], pieces, Truth(graph, lexicon), words)
            leak.add(scene, [], lambda text, most=most: len(text) <= most)
        assert {row[1] for row in leaking.table(leak.take()).rows} == expected


def test_a_region_names_nothing_that_its_image_shows_elsewhere(done):
    _, root, _ = done
    graphs = {
        (r["image_id"], r["region"]): from_json(r["graph"])
        for r in tables.read_table(root / "graph.parquet", GRAPHS).to_pylist()
    }
    for row in tables.read_table(root / "negate.parquet", NEGATIVES).to_pylist():
        if row["place"] == "object":
            names = {name for thing in graphs[row["image_id"], ""].objects for name in thing.names}
            assert row["new"] not in names, row


def test_a_region_without_its_image_is_refused(worlds, tmp_path):
    run(tmp_path, vg_row(), worlds / "vg")
    rows = tables.read_table(tmp_path / "graph.parquet", GRAPHS).to_pylist()
    whole = next(row["image_id"] for row in rows if row["region"])
    for name, format_ in (("graph", GRAPHS), ("caption", CAPTIONS)):
        path = tmp_path / f"{name}.parquet"
        kept, meta = tables.read_table(path, format_).to_pylist(), tables.read_meta(path, format_)
        kept = [row for row in kept if (row["image_id"], row["region"]) != (whole, "")]
        with tables.streamed(tmp_path / f"{name}2.parquet", format_) as table:
            for row in kept:
                table.add(row)
            table.meta = meta
    paths = {"graphs": tmp_path / "graph2.parquet", "captions": tmp_path / "caption2.parquet", "source": worlds / "vg"}
    with pytest.raises(DataError, match=f"a region without its image '{whole}'"):
        negate(negating(), INLINE, "demo", **paths, out=tmp_path / "negate2.parquet", page=tmp_path / "page2")


def wordnet_of(broader: str, folder: Path) -> Path:
    """Files in which a hat is a kind of something."""
    folder.mkdir(exist_ok=True)
    hat = "00000000 06 n 01 hat 0 001 @ 00000052 n 0000 | worn\n"
    thing = f"00000052 06 n 01 {broader} 0 000 | thrown\n"
    (folder / "data.noun").write_text(hat.ljust(51) + "\n" * (52 - len(hat)) + thing)
    (folder / "index.noun").write_text(f"{broader} n 1 0 1 0 00000052\nhat n 1 1 @ 1 0 00000000\n")
    return folder


def test_wordnet_is_used_where_it_is_named(worlds, tmp_path):
    """In this one a hat is a kind of ball, so that no hat is called a ball where there is one."""
    folder = wordnet_of("ball", tmp_path / "wordnet")
    news = []
    for name, wordnet in (("without", None), ("with", str(folder))):
        (tmp_path / name).mkdir()
        run(tmp_path / name, vg_row(), worlds / "vg", negating(wordnet=wordnet))
        graphs = tables.read_table(tmp_path / name / "graph.parquet", GRAPHS).to_pylist()
        hats = {row["image_id"] for row in graphs if row["graph"] and '"hat"' in row["graph"]}
        rows = tables.read_table(tmp_path / name / "negate.parquet", NEGATIVES).to_pylist()
        news.append({row["new"] for row in rows if row["place"] == "object" and row["image_id"] in hats})
        digests = tables.read_meta(tmp_path / name / "negate.parquet", NEGATIVES)["wordnet"]
        assert set(digests) == (set() if wordnet is None else {"index.noun", "data.noun"})
    assert "ball" in news[0]
    assert "ball" not in news[1]
    with pytest.raises(FormatError, match="expected a file of WordNet"):
        run(tmp_path / "with", vg_row(), worlds / "vg", negating(wordnet=str(tmp_path / "nowhere")))


def test_a_worker_that_outlives_a_run_reads_a_changed_wordnet_again(worlds, tmp_path, monkeypatch):
    wordnet = wordnet_of("ball", tmp_path / "wordnet")
    made = []
    for name, broader, outlives in (("before", "thing", True), ("after", "ball", True), ("fresh", "ball", False)):
        (tmp_path / name).mkdir()
        wordnet_of(broader, wordnet)
        with monkeypatch.context() as patch:
            if outlives:
                patch.setattr(negatives, "forget", lambda: None)
            else:
                negatives.forget()
            run(tmp_path / name, vg_row(), worlds / "vg", negating(wordnet=str(wordnet)))
        made.append(tables.read_table(tmp_path / name / "negate.parquet", NEGATIVES).to_pylist())
    assert made[1] == made[2]
    assert made[0] != made[2]
