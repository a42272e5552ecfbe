"""The report as a reader gets it: complete, closed in itself, harmless, and the same each time."""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipeline.core import tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.core.schemas import PREDICTIONS
from pipeline.evaluation import metrics
from pipeline.reporting import evidence, formatting, site

VOID = {"meta", "link", "img", "br", "hr", "input", "col"}
SCRIPT = f'<script type="module">{(Path(site.__file__).parent / "templates/sort.js").read_text()}</script>'
HOSTILE = '<script>alert("x")</script>'


class Checker(HTMLParser):
    """Fails at the first tag that closes what is not open; remembers links, ids and elements."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Checker:
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open
    return checker


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("</style>", 1)[1]).split())


def test_there_is_an_index_two_pages_per_result_a_page_per_stage_and_provenance(html: dict[str, str]) -> None:
    assert set(html) == {
        "index.html",
        "evaluate-demo-skeleton-stgcn-dvta.html",
        "evaluate-demo-skeleton-stgcn-ridge.html",
        "evaluate-tiny-skeleton-stgcn-ridge.html",
        "gallery-demo-skeleton-stgcn-dvta.html",
        "gallery-demo-skeleton-stgcn-ridge.html",
        "gallery-tiny-skeleton-stgcn-ridge.html",
        "pretrain-demo-skeleton-stgcn.html",
        "provenance.html",
    }


def astray(pages: Mapping[str, str]) -> list[str]:
    """Links that lead nowhere, ids that stand twice in a page, and pages that nothing leads to."""
    found = {name: parsed(text).tags for name, text in pages.items()}
    ids = {name: Counter(attrs["id"] for _, attrs in tags if "id" in attrs) for name, tags in found.items()}
    faults = [
        f"{name}: id '{one}' stands {num} times" for name, of in ids.items() for one, num in of.items() if num > 1
    ]
    linked = set()
    for name, tags in found.items():
        for href in (str(attrs["href"]) for tag, attrs in tags if tag == "a" and "download" not in attrs):
            file, _, anchor = href.partition("#")
            linked.add(file)
            if file not in found or (anchor and anchor not in ids[file]):
                faults.append(f"{name}: {href} leads nowhere")
    return faults + [f"{name}: no page leads there" for name in found.keys() - linked]


def test_every_page_is_well_formed_and_reachable_and_every_link_leads_somewhere(html: dict[str, str]) -> None:
    assert not astray(html)
    downloads = [a for text in html.values() for tag, a in parsed(text).tags if tag == "a" and "download" in a]
    assert downloads
    assert all(str(attrs["href"]).startswith("data:") for attrs in downloads)


@pytest.mark.world
def test_every_link_of_a_report_with_everything_leads_somewhere(finished: Any) -> None:
    pages = {file.name: file.read_text() for file in (finished.folder / "reports/report").glob("*.html")}
    assert any("gallery-" in text for text in pages.values())
    assert not astray(pages)


def test_links_that_lead_nowhere_are_found(html: dict[str, str]) -> None:
    index = html["index.html"].replace("</main>", '<a href="gone.html">a</a><a href="#b" id="ranking">b</a></main>')
    faults = astray({**html, "index.html": index, "lost.html": "<p></p>"})
    nowhere = ["index.html: gone.html leads nowhere", "index.html: #b leads nowhere"]
    assert sorted(faults) == sorted(
        ["index.html: id 'ranking' stands 2 times", *nowhere, "lost.html: no page leads there"]
    )


def test_no_page_refers_to_anything_outside_itself(html: dict[str, str]) -> None:
    for text in html.values():
        rest = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?://|//[a-z]|@import|url\((?!#)", rest.split("</style>", 1)[0])
        assert not re.search(r"https?://", rest)
        sources = [attrs.get("src", "") for tag, attrs in parsed(text).tags if tag in ("img", "iframe", "link")]
        assert all(str(source).startswith("data:image/png;base64,") for source in sources)
        assert not {"link", "iframe"} & {tag for tag, _ in parsed(text).tags}
        assert [attrs for tag, attrs in parsed(text).tags if tag == "script"] == [{"type": "module"}]
        assert text.count(SCRIPT) == 1


def test_two_runs_give_the_same_bytes(inputs: Any) -> None:
    assert inputs.report("one") == inputs.report("two")


def test_a_page_knows_neither_its_folder_nor_the_day(inputs: Any) -> None:
    for text in inputs.report().values():
        assert str(inputs.root) not in text
        assert not re.search(r"\b20\d\d-\d\d-\d\d", text)


def test_hostile_names_are_shown_as_text(inputs: Any) -> None:
    keys = ("dataset", "split_table", "protocol", "modality", "encoder", "variant", "embeddings", "method")
    who = dict.fromkeys(keys, HOSTILE)
    names = [HOSTILE, HOSTILE + "2", HOSTILE + "3", "sit down", "stand up"]
    inputs.write_result("demo-skeleton-stgcn-ridge", who, ["s0"], names, 0.4)
    inputs.write_page("pretrain", "demo-skeleton-stgcn", title=HOSTILE, text=[HOSTILE])
    inputs.write_clips("demo", [None, HOSTILE])
    pages = {name: text for name, text in inputs.report().items() if name.endswith(".html")}
    for text in pages.values():
        assert "<script" not in text.replace(SCRIPT, "", 1)  # ours
        parsed(text)
    assert sum("&lt;script&gt;" in text for text in pages.values()) == 4


def test_the_index_bears_the_title_of_the_params(html: dict[str, str]) -> None:
    assert "<h1>Two worlds &amp; &lt;all&gt; methods</h1>" in html["index.html"]


def test_the_index_names_split_table_and_protocol(html: dict[str, str]) -> None:
    assert text_of(html["index.html"]).count("tiny, random protocol xsub") >= 2  # over the marks and over the table


def test_a_target_of_transfer_has_no_protocol_to_name(inputs: Any) -> None:
    inputs.change("tiny-skeleton-stgcn-ridge", protocol=None)
    text = text_of(inputs.report()["index.html"])
    assert "tiny, random among" in text
    assert "None" not in text


def test_the_index_says_the_answer_first(html: dict[str, str], inputs: Any) -> None:
    text = text_of(html["index.html"])
    figures = json.loads((inputs.root / "reports/evaluate/demo-skeleton-stgcn-dvta.json").read_text())
    honest = figures["rows"][0]
    assert f"{honest['top1']:.1%}".rstrip("%") in text[: text.index("How it was measured")]
    assert text.index("guessing gives 25.0") < text.index("The pipeline")


def test_rows_selected_on_the_test_set_are_flagged_and_never_in_the_lead(inputs: Any, html: dict[str, str]) -> None:
    index = html["index.html"]
    figures = json.loads((inputs.root / "reports/evaluate/demo-skeleton-stgcn-dvta.json").read_text())
    (oracle,) = (row for row in figures["rows"] if row["leaky"])
    shown = formatting.percent(oracle["top1"])
    lead = index[index.index('class="lead"') : index.index("</p>", index.index('class="lead"'))]
    assert shown not in lead
    flagged = [row for row in re.findall(r"<tr.*?</tr>", index, re.S) if f">{shown}<" in row]
    assert flagged
    assert all("flag" in row for row in flagged)
    assert "mark hollow" in index


def test_the_confusion_matrix_is_that_of_the_predictions(inputs: Any, html: dict[str, str]) -> None:
    text = html["evaluate-tiny-skeleton-stgcn-ridge.html"]
    lines = tables.read_table(
        inputs.root / "reports/evaluate/tiny-skeleton-stgcn-ridge.parquet", PREDICTIONS
    ).to_pylist()
    lines = [line for line in lines if line["label_space"] == "unseen"]
    wanted = metrics.confusion([line["class_id"] for line in lines], [line["predicted"] for line in lines])
    body = re.findall(r'<table class="confusion">.*?</table>', text, re.S)[0].split("<tbody>")[1]
    rows = [re.findall(r"<td[^>]*>(?:<a [^>]*>)?(\d*)(?:</a>)?</td>", row) for row in body.split("</tr>")[:-1]]
    true = sorted({pair[0] for pair in wanted})
    given = sorted({class_id for pair in wanted for class_id in pair})
    assert rows == [[str(wanted.get((t, g), "")) for g in given] for t in true]


def test_tables_and_pictures_can_be_read_without_seeing_them(html: dict[str, str]) -> None:
    for text in html.values():
        for tag, attrs in parsed(text).tags:
            assert tag != "th" or "scope" in attrs or not attrs
            assert tag != "img" or attrs["alt"]
            role = "group" if attrs.get("class") == "dag" else "img"  # in an image nobody reads links
            assert tag != "svg" or "aria-hidden" in attrs or "preserveaspectratio" in attrs or attrs["role"] == role


def test_a_chart_of_marks_says_its_numbers_and_escapes_its_words(html: dict[str, str]) -> None:
    page = html["pretrain-demo-skeleton-stgcn.html"]
    assert "<h2>Rules &amp; co</h2>" in page
    assert "Told &lt; guessed" in page
    assert '75.4<span class="unit"> %</span></b> <small>60.0 – 90.0</small>' in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert page.count('class="mark"') == 2
    assert page.count('class="whisker"') == 3


def test_images_are_inside_the_page(html: dict[str, str]) -> None:
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html["pretrain-demo-skeleton-stgcn.html"])
    assert base64.b64decode(data).startswith(b"\x89PNG")


def test_rejected_clips_are_counted_by_reason(html: dict[str, str]) -> None:
    assert "demo skeleton 5 2 3 empty file (1), no body (2)" in text_of(html["index.html"])


def test_provenance_shows_params_digests_and_versions(inputs: Any, html: dict[str, str]) -> None:
    text = text_of(html["provenance.html"])
    assert file_digest(inputs.root / "params.yaml") in text
    assert file_digest(inputs.root / "features/pretrain/demo-skeleton-stgcn/page.json") in text
    assert "demo-skeleton-stgcn-ridge: {dataset: demo" in text
    assert all(f"{name} {version}" in text for name, version in site.versions())


def test_dvc_finds_tables_to_plot(files: dict[str, str]) -> None:
    curves = files["plots/curves/pretrain-demo-skeleton-stgcn.csv"].splitlines()
    assert curves[:2] == ["chart,series,x,y", 'Loss,"s0, training",1.0,2.1']
    confusion = files["plots/confusion/demo-skeleton-stgcn-dvta.csv"].splitlines()
    assert confusion[0] == "truth,predicted"
    assert len(confusion) == 1 + 48  # one line a clip; neither other label spaces nor leaky selections


def test_splits_with_unlike_numbers_of_classes_are_not_averaged_in_one_panel(inputs: Any) -> None:
    rows = inputs.rows("tiny-skeleton-stgcn-ridge")
    for row in rows:
        if row["split"] == "s2":
            row |= {"num_classes": row["num_classes"] + 2, "chance": 1 / (row["num_classes"] + 2)}
    inputs.write_rows("tiny-skeleton-stgcn-ridge", rows)
    text = text_of(inputs.report()["index.html"])
    assert "Means over 2 splits" in text  # of s0 and s1, as the halves of a target
    assert "tiny, random split s2" in text
    assert not any(f"tiny, random split s{number}" in text for number in range(2))


def test_every_panel_names_its_seeds(inputs: Any) -> None:
    rows = inputs.rows("tiny-skeleton-stgcn-ridge")
    inputs.write_rows("tiny-skeleton-stgcn-ridge", rows + [row | {"seed": 7} for row in rows])
    text = text_of(inputs.report()["index.html"])
    assert len(re.findall(r"Seed 0\.", text)) == len(re.findall(r"Seeds 0, 7\.", text)) == 2  # a panel a label space


def test_what_a_profile_does_not_make_is_not_shown(inputs: Any) -> None:
    for file in [*(inputs.root / "features").rglob("page.json"), *(inputs.root / "reports/evaluate").iterdir()]:
        file.unlink()
    files = inputs.report()
    assert set(files) == {"index.html", "provenance.html"}
    assert "Nothing has been evaluated yet" in text_of(files["index.html"])
    assert "Pages of the stages" not in files["index.html"]


def test_a_broken_page_is_one_clear_error_and_leaves_the_old_report(inputs: Any) -> None:
    before = inputs.report()
    (inputs.root / "features/pretrain/demo-skeleton-stgcn/page.json").write_text('{"title": 3}')
    with pytest.raises(FormatError, match=r"pretrain/demo-skeleton-stgcn/page\.json: not a page: title"):
        inputs.report()
    assert {name: (inputs.root / "report" / name).read_text() for name in before} == before


def test_a_page_of_another_row_is_refused(inputs: Any) -> None:
    inputs.write_page("pretrain", "demo-skeleton-stgcn", row="other")
    with pytest.raises(FormatError, match="row 'other'; expected 'pretrain', row 'demo-skeleton-stgcn'"):
        inputs.report()


def test_pages_may_lie_aside_where_the_rows_folder_is_a_dataset(inputs: Any) -> None:
    inputs.write_page("pretrain", "demo", stage="synthesize")
    aside = inputs.root / "data/synthesize/pages"
    aside.parent.mkdir(parents=True)
    aside.mkdir()
    (inputs.root / "features/pretrain/demo").rename(aside / "demo")
    found = evidence.gather(
        inputs.root / "reports/evaluate", [aside], inputs.root / "data/ingest", inputs.root / "params.yaml",
        inputs.root / "dag.svg",
    )  # fmt: skip
    assert [(shown.stage, shown.row) for shown in found.shown] == [("synthesize", "demo")]
    assert "synthesize/demo/page.json" in dict(found.digests)
    (aside / "demo").rename(aside / "other")
    with pytest.raises(FormatError, match="row 'demo'; expected 'synthesize', row 'other'"):
        evidence.gather(
            inputs.root / "reports/evaluate", [aside], inputs.root / "data/ingest", inputs.root / "params.yaml",
            inputs.root / "dag.svg",
        )  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"<svg onload='x'/>"])
def test_an_image_that_is_no_png_is_refused(inputs: Any, data: bytes) -> None:
    (inputs.root / "features/pretrain/demo-skeleton-stgcn/clip.png").write_bytes(data)
    with pytest.raises(FormatError, match=r"clip\.png: not a PNG"):
        inputs.report()


def test_an_image_that_is_not_there_is_refused(inputs: Any) -> None:
    (inputs.root / "features/pretrain/demo-skeleton-stgcn/clip.png").unlink()
    with pytest.raises(FormatError, match="shows this image, but it is not there"):
        inputs.report()


def test_an_image_too_large_for_a_page_is_refused(inputs: Any) -> None:
    with (inputs.root / "features/pretrain/demo-skeleton-stgcn/clip.png").open("ab") as file:
        file.truncate(5 << 20)
    with pytest.raises(DataError, match="at most 4194304; shrink it"):
        inputs.report()


@pytest.mark.parametrize("text", ["{", '{"rows": []}', '{"rows": [{"dataset": 1}], "summary": []}', "[]"])
def test_broken_figures_are_one_clear_error(inputs: Any, text: str) -> None:
    (inputs.root / "reports/evaluate/demo-skeleton-stgcn-ridge.json").write_text(text)
    with pytest.raises(FormatError, match=r"stgcn-ridge\.json: not .*run `dvc repro evaluate`"):
        inputs.report()


def test_a_row_name_that_is_no_file_name_is_refused(inputs: Any) -> None:
    folder = inputs.root / "reports/evaluate"
    for suffix in ("json", "parquet"):
        (folder / f"demo-skeleton-stgcn-ridge.{suffix}").rename(folder / f"a b&c.{suffix}")
    with pytest.raises(DataError, match="row name 'a b&c'"):
        inputs.report()


def test_numbers_in_cells_are_short_and_text_is_left_alone() -> None:
    assert [formatting.number(cell) for cell in (0.123456, 3, "0.123456", None)] == ["0.1235", "3", "0.123456", ""]


def test_the_style_sheet_serves_dark_screens_phones_and_print() -> None:
    style = (Path(site.__file__).parent / "templates/style.css").read_text()
    assert all(word in style for word in ("prefers-color-scheme: dark", "max-width: 40rem", "@media print"))


def test_of_a_dataset_the_panel_over_most_splits_comes_first(inputs: Any) -> None:
    for name in ("ridge", "dvta"):
        for suffix in ("json", "parquet"):
            (inputs.root / f"reports/evaluate/demo-skeleton-stgcn-{name}.{suffix}").unlink()
    rows = inputs.rows("tiny-skeleton-stgcn-ridge")
    alpha = [row | {"split_table": "alpha"} for row in rows if row["split"] == "s0"]
    inputs.write_rows("tiny-skeleton-stgcn-ridge", rows + alpha)
    text = text_of(inputs.report()["index.html"])
    assert "in the mean of 3 splits" in text
    assert text.index("tiny, random") < text.index("tiny, alpha")


def test_summaries_of_other_rows_are_refused(inputs: Any) -> None:
    file = inputs.root / "reports/evaluate/tiny-skeleton-stgcn-ridge.json"
    figures = json.loads(file.read_text())
    file.write_text(json.dumps(figures | {"summary": figures["summary"][:1]}))
    with pytest.raises(FormatError, match=r"ridge\.json: its summaries are not of its rows; run `dvc repro evaluate`"):
        inputs.report()
