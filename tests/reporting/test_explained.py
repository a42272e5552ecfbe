"""The page of a row that explains itself, from made-up scores whose figures are computed again here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core import pages
from pipeline.core.errors import FormatError
from pipeline.core.pages import Page
from pipeline.core.store import Store, create
from pipeline.reporting import explained
from pipeline.reporting.explained_arrays import LabelledScores
from tests.reporting.explaining import METHOD, MODULES, MOVEMENTS, NAMES, UNSEEN, Made, make

ATTENTION = "Attention on the first text of a class"
EACH = "Each alignment alone, and how often it gives the answer of all together"


def page(root: Path, made: Made, name: str = "row") -> Page:
    folder = root / name
    folder.mkdir()
    explained.write(folder, explained.EvaluatedRow("row", made.scores, METHOD, made.texts), made.told, NAMES)
    return pages.read(folder / pages.FILE)


def table(found: Page, title: str) -> list[list[pages.Cell]]:
    return next(one.rows for one in found.tables if one.title.startswith(title))


def test_a_row_that_explains_nothing_leaves_nothing_and_draws_nothing(tmp_path: Path) -> None:
    made = make(tmp_path, arrays=())
    (tmp_path / "row").mkdir()
    explained.write(tmp_path / "row", explained.EvaluatedRow("row", made.scores, METHOD, made.texts), made.told, NAMES)
    assert list((tmp_path / "row").iterdir()) == []


def test_the_same_arrays_are_the_same_bytes(tmp_path: Path) -> None:
    made = make(tmp_path)
    page(tmp_path, made, "a")
    page(tmp_path, made, "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["page.json", "similarity.png"]
    assert [(tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files] == [
        True
    ] * 2
    assert sum((tmp_path / "a" / name).stat().st_size for name in files) < 1 << 18


def test_each_alignment_alone_is_measured_against_the_truth_and_against_both(tmp_path: Path) -> None:
    made = make(tmp_path)
    first, second = table(page(tmp_path, made), EACH)
    assert (first[:3], second[:3]) == (["s0", 0, 24], ["s1", 0, 24])
    truth = np.array([UNSEEN.index(class_id) for class_id in made.told[0].truth])
    both = made.told[0].scored.values[:, 1].argmax(axis=1)
    expected = [np.mean(both == truth)]
    for name in MODULES:
        alone = made.behind("s0", name).argmax(axis=1)
        expected += [np.mean(alone == truth), np.mean(alone == both)]
    assert first[3:] == pytest.approx(expected, abs=1e-4)
    assert 0 < expected[2] < 1  # the cases tell the columns apart


def test_the_attention_on_the_label_is_summed_up_and_spread(tmp_path: Path) -> None:
    made = make(tmp_path)
    found = page(tmp_path, made)
    label = [made.behind(split, "attention")[..., 0] for split in ("s0", "s1")]
    of_first = [label[0].min(), label[0].mean(), label[0].max(), label[0].std()]
    assert table(found, ATTENTION)[0][2:] == pytest.approx(of_first, abs=1e-5)
    (bars,) = found.bars
    assert sum(bar.value for bar in bars.bars) == pytest.approx(1)
    counts, _ = np.histogram(np.stack(label), 20)
    assert [bar.detail for bar in bars.bars] == [f"{count} pairs" for count in counts]
    assert "At 0.5 " in bars.note


def test_the_plane_shows_the_clips_by_what_they_show_and_says_how_far_classes_lie_apart(tmp_path: Path) -> None:
    near = page(tmp_path, make(tmp_path / "near", noise=0.01), "a").clouds[0]
    far = page(tmp_path, make(tmp_path / "far", noise=3.0), "b").clouds[0]
    assert sum(len(dots.x) for dots in near.series) == 24
    assert [dots.name for dots in near.series] == [NAMES[class_id] for class_id in UNSEEN]
    assert "100 % lies between the classes" in near.note
    assert "100 % lies between the classes" not in far.note


def test_all_rows_of_a_split_show_the_same_classes_whatever_their_vectors(tmp_path: Path) -> None:
    clouds = [page(tmp_path, make(tmp_path / f"{dim}", dim=dim), f"r{dim}").clouds[0] for dim in (3, 7)]
    assert [dots.name for dots in clouds[0].series] == [dots.name for dots in clouds[1].series]
    assert clouds[0].series != clouds[1].series


def test_the_texts_of_the_classes_are_the_anchors_of_the_neighbourhoods(tmp_path: Path) -> None:
    with_texts = page(tmp_path, make(tmp_path / "with"), "a").clouds[1]
    anchors = [dots for dots in with_texts.series if dots.anchor]
    assert [dots.name for dots in anchors] == [NAMES[class_id] for class_id in UNSEEN]
    without = page(tmp_path, make(tmp_path / "without", arrays=("vectors",)), "b").clouds[1]
    assert not [dots for dots in without.series if dots.anchor]
    assert "texts" not in without.title


def test_vectors_alone_give_planes_and_strips_but_no_matrices_and_no_attention(tmp_path: Path) -> None:
    found = page(tmp_path, make(tmp_path, arrays=("vectors",), movements=False))
    assert (found.images, found.bars, found.tables) == ([], [], [])
    assert [part.title for part in found.clips] == ["Hits", "Misses"]


def test_hits_and_misses_are_told_with_their_scores_best_first(tmp_path: Path) -> None:
    made = make(tmp_path)
    values = made.told[0].scored.values[:, 1]
    for part in page(tmp_path, made).clips:
        assert (part.dataset, part.modality, len(part.clips)) == ("toy", "skeleton", 3)
        for clip in part.clips:
            row = made.told[0].scored.clip_ids.index(clip.clip_id)
            truth, best = NAMES[made.told[0].truth[row]], NAMES[UNSEEN[values[row].argmax()]]
            assert (best == truth) == (part.title == "Hits")
            assert clip.caption.startswith(f"{clip.clip_id} shows “{truth}”: {best} {values[row].max():.3f}, ")


def test_movements_decide_by_what_they_add_to_the_cosines_where_vectors_are_movements(tmp_path: Path) -> None:
    made = make(tmp_path, noise=1.5)  # vectors of four numbers, as many as there are movements
    rows = table(page(tmp_path, made), "Movements behind the most frequent mistakes, as the clips showed them")
    vectors = made.behind("s0", "vectors").astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    called = made.told[0].scored.values[:, 1].argmax(axis=1)
    truth = np.array([UNSEEN.index(class_id) for class_id in made.told[0].truth])
    columns = {NAMES[class_id]: column for column, class_id in enumerate(UNSEEN)}
    first, second = columns[rows[0][0]], columns[rows[0][1]]
    mine = (truth == first) & (called == second)
    assert (
        rows[0][2]
        == mine.sum()
        == max(((truth == a) & (called == b)).sum() for a in range(3) for b in range(3) if a != b)
    )
    adds = vectors[mine].mean(axis=0) * (np.eye(3, 4)[first] - np.eye(3, 4)[second])
    for cell, side in ((rows[0][3], adds), (rows[0][4], -adds)):
        order = np.argsort(-side)
        assert cell == ", ".join(f"{MOVEMENTS[at]} {side[at]:.2f}" for at in order if side[at] > 0.005)


@pytest.mark.parametrize("changes", [{"dim": 5}, {"arrays": ("direct",)}])
def test_elsewhere_movements_are_told_by_the_texts(tmp_path: Path, changes: dict[str, Any]) -> None:
    made = make(tmp_path, noise=1.5, **changes)
    rows = table(page(tmp_path, made), "Movements behind the most frequent mistakes, as the texts tell them")
    values = Store(made.texts, "embed").read("movement", "pooled").astype(np.float64)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    ids = {name: class_id for class_id, name in NAMES.items()}
    apart = values[ids[rows[0][0]]] - values[ids[rows[0][1]]]
    assert rows[0][3].startswith(f"{MOVEMENTS[int(apart.argmax())]} {apart.max():.2f}")
    assert rows[0][4].startswith(f"{MOVEMENTS[int(apart.argmin())]} {-apart.min():.2f}")


def test_without_movements_or_without_mistakes_nothing_decides(tmp_path: Path) -> None:
    without = page(tmp_path, make(tmp_path / "without", movements=False), "a")
    right = page(tmp_path, make(tmp_path / "right", noise=0.0), "b")
    assert [one.title for one in without.tables] == [one.title for one in right.tables] == [EACH, ATTENTION]


def test_movements_that_do_not_fit_the_classes_are_refused(tmp_path: Path) -> None:
    made = make(tmp_path)
    with create(made.texts, {}) as texts:
        texts.group("movement", ["0002-00"], {"names": MOVEMENTS}).put("pooled", np.ones((1, 4), np.float32))
    with pytest.raises(
        FormatError, match=r"'movement' of shape \(1, 4\), 4 names, lacks the classes \[3, 5\]; .*embed"
    ):
        page(tmp_path, made)


def test_arrays_that_do_not_fit_the_scores_are_refused(tmp_path: Path) -> None:
    made, other = make(tmp_path), make(tmp_path / "other", num_clips=9)
    made.told[0] = LabelledScores(
        replace(made.told[0].scored, explained=other.told[0].scored.explained), made.told[0].truth
    )
    with pytest.raises(FormatError, match=r"'direct' has shape \(9, 3\).*expected \(24, 3\).*rerun the method's stage"):
        page(tmp_path, made)


def test_five_clips_are_enough_and_four_have_no_neighbourhood(tmp_path: Path) -> None:
    few = page(tmp_path, make(tmp_path / "five", num_clips=5, splits=("s0",)), "a")
    fewer = page(tmp_path, make(tmp_path / "four", num_clips=4, splits=("s0",)), "b")
    assert [len(one.clouds) for one in (few, fewer)] == [2, 1]
