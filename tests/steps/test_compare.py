"""The step over fake encoders whose skill and leaks are known."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipeline.core import pages, tables
from pipeline.core.errors import DataError
from pipeline.core.hashing import path_digest
from pipeline.core.schemas import GRAPHS, NEGATIVES
from pipeline.core.seeds import generator
from pipeline.evaluation import compositional
from pipeline.reporting import compare as page_of
from pipeline.reporting import compare_examples as examples
from pipeline.steps.compare import Row
from pipeline.training import heldout
from tests.steps import comparisons
from tests.steps.comparisons import BOOTSTRAP, GENERAL, MEASURE, ROW, compared, encode, pairs


@pytest.fixture(scope="module")
def made(worlds, tmp_path_factory):
    root = comparisons.written(worlds, tmp_path_factory.mktemp("compare"))
    encode(root, "base", 0, skill=0.2)
    encode(root, "gn", 0, skill=0.4)
    encode(root, "gn", 1, skill=0.4)
    encode(root, "leaky", 0, skill=0.2, leak=1.0)
    encode(root, "forgetful", 0, skill=0.4, kept=0.1)
    compared(root)
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def figures(root):
    return json.loads((root / "demo.json").read_text())


def one(root, row, measure, rule="all", corpus="all", subset="all"):
    wanted = {"row": row, "measure": measure, "rule": rule, "corpus": corpus, "subset": subset}
    (found,) = [given for given in figures(root)["rows"] if all(given[key] == wanted[key] for key in wanted)]
    return found


def test_accuracy_is_that_of_the_vectors_in_a_loop(made):
    kept = heldout.read(heldout.file(made / "finetune" / "base", 0))
    right = {}
    for m in range(len(kept.negatives)):
        picture = kept.picture_PD[kept.picture_N[kept.pair_M[m]]].astype(np.float64)
        true = picture @ kept.text_TD[kept.caption_N[kept.pair_M[m]]].astype(np.float64)
        right[m] = float(true > picture @ kept.text_TD[kept.negative_M[m]].astype(np.float64))
    assert one(made, "base", "accuracy")["value"] == pytest.approx(np.mean(list(right.values())))
    unseen = [m for m in right if kept.unseen_M[m] and kept.rules[m] == "swap_roles"]
    found = one(made, "base", "accuracy", "swap_roles", subset="unseen")
    assert (found["value"], found["n"]) == (pytest.approx(np.mean([right[m] for m in unseen])), len(unseen))


def test_retrieval_is_that_of_the_vectors_in_a_loop(made):
    """Pairs of one caption, or of one picture, are right for each other."""
    kept = heldout.read(heldout.file(made / "finetune" / "base", 0))
    cosine = kept.picture_PD.astype(np.float64) @ kept.text_TD.astype(np.float64).T
    pairs_of = list(zip(kept.picture_N.tolist(), kept.caption_N.tolist(), strict=True))
    texts, pictures = sorted(set(kept.caption_N.tolist())), sorted(set(kept.picture_N.tolist()))
    assert len(texts) < len(pairs_of)  # some captions are said of several pictures
    found = {"picture_to_text": [], "text_to_picture": []}
    for picture, text in pairs_of:
        own = max(cosine[picture, t] for p, t in pairs_of if p == picture)
        ahead = [t for t in texts if cosine[picture, t] >= own and (picture, t) not in pairs_of]
        found["picture_to_text"].append(len(ahead))
        own = max(cosine[p, text] for p, t in pairs_of if t == text)
        ahead = [p for p in pictures if cosine[p, text] >= own and (p, text) not in pairs_of]
        found["text_to_picture"].append(len(ahead))
    for name, ahead in found.items():
        for k in (1, 5):
            assert one(made, "base", f"{name}_r{k}")["value"] == pytest.approx(np.mean(np.array(ahead) < k))


def test_text_alone_is_asked_of_the_pictures_of_others_in_a_loop(root):
    compared(root, measure=MEASURE.model_copy(update={"shuffles": 2}))
    kept = heldout.read(heldout.file(root / "finetune" / "base", 0))
    films = {row["image_id"]: row["video"] for row in tables.read_table(root / "graph/ag.parquet", GRAPHS).to_pylist()}
    named = [key.split("|") for key in kept.pairs]
    corpora = np.unique([corpus for corpus, _, _ in named], return_inverse=True)[1]
    films = np.unique([f"{corpus}|{films.get(image, image)}" for corpus, image, _ in named], return_inverse=True)[1]
    right = []
    for number in range(2):
        other = compositional.mismatched(films, corpora, generator(MEASURE.seed, "pictures of others", number))
        for m, n in enumerate(kept.pair_M):
            assert films[other[n]] != films[n]
            picture = kept.picture_PD[kept.picture_N[other[n]]].astype(np.float64)
            true, false = (
                kept.text_TD[row].astype(np.float64) @ picture for row in (kept.caption_N[n], kept.negative_M[m])
            )
            right.append(true > false)
    assert one(root, "base", "text_only")["value"] == pytest.approx(np.mean(right))


def test_a_better_encoder_is_better_and_the_controls_hold(made):
    found = one(made, "gn", "accuracy")
    assert found["difference"] > 0.05
    assert found["difference_ci95"][0] > 0
    holds = {(row["row"], row["control"]): row["holds"] for row in figures(made)["controls"] if row["rule"] == "all"}
    assert holds == {("gn", "text_only"): True, ("gn", "word_order"): True, ("base", "word_order"): True}


def test_frames_of_one_video_and_regions_of_one_image_are_one(made):
    rows = {corpus: tables.read_table(made / f"graph/{corpus}.parquet", GRAPHS).to_pylist() for corpus in ("vg", "ag")}
    asked = pairs(made)
    images = {pair.image_id for pair in asked if pair.corpus == "vg"}
    videos = {row["video"] for row in rows["ag"] if any(row["image_id"] == pair.image_id for pair in asked)}
    assert len(images) < len([pair for pair in asked if pair.corpus == "vg"])
    assert one(made, "gn", "word_order", corpus="vg")["num_images"] == len(images)
    assert one(made, "gn", "word_order", corpus="ag")["num_images"] == len(videos)


def test_what_the_texts_tell_is_found_with_the_pictures_of_others(root):
    compared(root, Row(start="base", tuned=["leaky"], examples=0))
    assert one(root, "leaky", "accuracy")["difference"] > 0.1
    holds = {row["rule"]: row["holds"] for row in figures(root)["controls"] if row["control"] == "text_only"}
    assert set(holds.values()) == {False}
    assert {"all", "swap_roles"} < set(holds)


def test_what_was_forgotten_is_seen(root):
    compared(root, Row(start="base", tuned=["forgetful"], examples=0))
    assert one(root, "forgetful", "retention")["difference_ci95"][1] < 0


def test_the_page_tells_the_figures_and_shows_the_questions_that_turned(made):
    page = pages.read(made / "compare/demo" / pages.FILE)
    assert (page.stage, page.row) == ("compare", "demo")
    titles = [table.title for table in page.tables]
    assert [title.split(",")[0] for title in titles[:3]] == ["Differences to the start", "All figures", "Controls"]
    summary = page.tables[1]
    assert (summary.header, summary.rows[0]) == (["figure", "questions", "base", "gn"], ["seeds", None, "1", "2"])
    found = one(made, "gn", "accuracy")
    low, high = (f"{100 * end:.1f}" for end in found["ci95"])
    assert summary.rows[1][:2] == ["accuracy", found["n"]]
    assert summary.rows[1][3] == f"{100 * found['value']:.1f} ({low}\u00a0to\u00a0{high})"
    assert page.tables[0].rows[0][1:3] == ["gn", f"{100 * found['difference']:+.1f}"]
    controls = {(row[0], row[1], row[2]): row[-1] for row in page.tables[2].rows}
    assert controls["gn", "text alone", "all"].startswith("holds: within the start's interval")
    rules = {row["rule"] for row in figures(made)["rows"]}
    assert {chart.title.split(": ")[-1] for chart in page.marks} == {
        "Caption against negative, all rules" if rule == "all" else rule.replace("_", " ") for rule in rules
    }
    (counts,) = figures(made)["examples"]
    assert counts["won"] > 2
    assert page.tables[3].rows == [["gn", 0, counts["n"], counts["won"], counts["lost"]]]
    shown = [image.file for image in page.images]
    assert shown[:2] == ["gn-won-1.png", "gn-won-2.png"]
    assert len(shown) == 2 + min(2, counts["lost"])


def test_the_page_says_no_figure_twice_by_rule_and_corpus(made):
    page = pages.read(made / "compare/demo" / pages.FILE)
    by_rule = next(table for table in page.tables if table.title.startswith("Accuracy by rule"))
    number = {tuple(row[:3]): row[3] for row in by_rule.rows}
    assert number["all", "all", "all"] == one(made, "gn", "accuracy")["n"]
    assert one(made, "gn", "accuracy", "swap_roles", subset="unseen")["n"] == number["swap roles", "all", "unseen"]
    for (rule, corpus, subset), asked in number.items():
        if corpus != "all" and (rule, "all", subset) in number:
            assert asked < number[rule, "all", subset]
        if subset != "all" and (rule, corpus, "all") in number:
            assert asked < number[rule, corpus, "all"]


@pytest.mark.parametrize(
    ("start", "value", "holds", "said"),
    [
        (0.41, 0.49, True, "holds: moved out of the start's interval, towards guessing"),
        (0.41, 0.62, False, "does not hold: above"),
        (0.5, 0.6, False, "the negatives leak"),
        (0.5, 0.56, True, "the texts alone do not tell the caption above guessing"),
        (0.5, 0.52, True, "holds: within"),
    ],
)
def test_only_texts_that_tell_more_than_at_the_start_are_called_a_leak(tmp_path, start, value, holds, said):
    control = {"row": "gn", "control": "text_only", "rule": "swap_roles", "value": value, "ci95": None, "n": 9}
    control |= {"start": start, "start_ci95": [start - 0.04, start + 0.04], "holds": holds}
    control |= {"difference": value - start, "difference_ci95": [0.01, 0.02]}
    page_of.write(tmp_path, "demo", 16, {"rows": [], "controls": [control], "examples": []}, [])
    (row,) = next(table for table in pages.read(tmp_path / pages.FILE).tables if table.title == "Controls").rows
    assert row[5] == f"{100 * (value - start):+.1f} (1.0\u00a0to\u00a02.0)"
    assert said in row[6]


def test_an_example_has_the_texts_and_the_picture_of_its_question(made):
    page = pages.read(made / "compare/demo" / pages.FILE)
    negatives = [
        (corpus, row)
        for corpus in ("vg", "ag")
        for row in tables.read_table(made / f"negate/{corpus}.parquet", NEGATIVES).to_pylist()
    ]
    said = {name: heldout.read(heldout.file(made / "finetune" / name, 0)) for name in ("base", "gn")}
    for image in page.images:
        assert 1 <= image.caption.count("[") == image.caption.count("]")  # the words that were edited
        plain = image.caption.replace("[", "").replace("]", "")
        (row,) = [
            row
            for corpus, row in negatives
            if f"true “{row['caption']}”, false “{row['text']}”" in plain
            and f"({row['rule'].replace('_', ' ')}; {corpus}, image {row['image_id']}" in image.caption
            and (f", region {row['region']})" in image.caption if row["region"] else "region" not in image.caption)
        ]
        corpus = image.caption.split("; ")[1].split(",")[0]
        at = said["gn"].negatives.index(f"{corpus}|{row['image_id']}|{row['region']}|{row['rule']}|{row['index']}")
        for name, words in (("base", "at the start"), ("gn", "after")):
            kept = said[name]
            picture = kept.picture_PD[kept.picture_N[kept.pair_M[at]]]
            texts = kept.text_TD[[kept.caption_N[kept.pair_M[at]], kept.negative_M[at]]].astype(np.float64)
            true, false = texts @ picture.astype(np.float64)
            assert f"{true - false:+.4f} {words}" in image.caption
        with Image.open(made / "compare/demo" / image.file) as drawn:
            assert drawn.size == (460, 345)


def test_edited_words_are_marked():
    assert examples._marked("a red cup on a table", "a blue cup on a table") == "a [red] cup on a table"
    assert examples._marked("a man holding a cup", "a cup holding a man") == "a [man] holding a [cup]"
    assert examples._marked("a cup", "a small cup") == "a cup"


def test_a_region_is_framed_in_the_whole_picture(root):
    asked = [pair for pair in pairs(root, ("vg",)) if pair.region]
    for row, skill in (("base", 0.1), ("gn", 2.0)):
        encode(root, row, 0, asked, skill=skill)
    shutil.rmtree(heldout.file(root / "finetune/gn", 1))
    compared(root)
    drawn = np.asarray(Image.open(root / "compare/demo/gn-won-1.png"))
    assert ((drawn == (255, 205, 40)).all(axis=2)).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"row": ROW.model_copy(update={"examples": 1})},
        {"row": ROW.model_copy(update={"tuned": ["gn", "leaky"]})},
        {"bootstrap": BOOTSTRAP.model_copy(update={"num_resamples": 99})},
        {"bootstrap": BOOTSTRAP.model_copy(update={"seed": 1})},
        {"measure": MEASURE.model_copy(update={"shuffles": 1})},
        {"measure": MEASURE.model_copy(update={"candidates": 8})},
        {"measure": MEASURE.model_copy(update={"seed": 1})},
    ],
    ids=str,
)
def test_every_param_changes_the_output_and_nothing_else_does(root, made, changes):
    def outputs(folder):
        return path_digest(folder / "demo.json"), path_digest(folder / "compare")

    compared(root)
    assert outputs(root) == outputs(made)
    compared(root, **changes)
    assert outputs(root) != outputs(made)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"asked": lambda asked: asked[1:]}, "pairs, negatives or texts are not those of .*base/heldout-0"),
        ({"asked": lambda asked: [replace(asked[0], caption="a cup"), *asked[1:]]}, "pairs, negatives or texts"),
        ({"general": GENERAL[1:]}, "general pairs|pairs, negatives or texts"),
        ({"shuffles": 1}, "seed of shuffled words are not those"),
    ],
)
def test_rows_that_were_asked_otherwise_are_refused(root, other, words):
    changed = other | ({"asked": other["asked"](pairs(root))} if "asked" in other else {})
    encode(root, "gn", 1, skill=0.4, **changed)
    with pytest.raises(DataError, match=words):
        compared(root)


def test_a_row_without_vectors_is_one_clear_line(root):
    with pytest.raises(DataError, match=r"finetune/mae: no vectors of held-out pairs .*; run `dvc repro finetune`"):
        compared(root, Row(start="base", tuned=["mae"], examples=1))


def test_tables_that_lost_a_pair_are_one_clear_line(root):
    rows = tables.read_table(root / "negate/vg.parquet", NEGATIVES).to_pylist()
    tables.write(root / "negate/vg.parquet", NEGATIVES, rows[:0])
    with pytest.raises(DataError, match=r"lacks .* of the held-out pairs' pictures or texts"):
        compared(root, ROW.model_copy(update={"examples": 200}))


def test_general_pairs_alone_and_graphs_alone_are_compared_too(root):
    shutil.rmtree(heldout.file(root / "finetune/gn", 1))
    for asked, general in (([], GENERAL), (pairs(root, ("vg",)), [])):
        for row in ("base", "gn"):
            encode(root, row, 0, asked, general, skill=0.3)
        compared(root)
        measures = {row["measure"] for row in figures(root)["rows"]}
        assert ("retention" in measures, "accuracy" in measures) == (bool(general), bool(asked))


def test_a_row_is_compared_once():
    with pytest.raises(ValueError, match="once"):
        Row(start="base", tuned=["base"], examples=1)
    with pytest.raises(ValueError, match="once"):
        Row(start="base", tuned=["gn", "gn"], examples=1)
