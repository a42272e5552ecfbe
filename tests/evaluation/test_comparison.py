"""Rows of a comparison against loops over questions, seeds and resamples."""

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, comparison
from pipeline.evaluation.comparison import ALL, Answers, Questions, Resamples

M, N, G, CLUSTERS = 120, 40, 25, 15


def questions() -> Questions:
    random = generator(0, "questions")
    pair_M, cluster_N = random.integers(0, N, M), random.integers(0, CLUSTERS, N)
    corpus_N = np.where(cluster_N % 2 == 0, "ag", "vg")
    return Questions(
        rule_M=random.choice(["swap", "replace"], M),
        corpus_M=corpus_N[pair_M],
        cluster_M=cluster_N[pair_M],
        certain_M=random.random(M) < 0.7,
        unseen_M=random.random(M) < 0.3,
        corpus_N=corpus_N,
        cluster_N=cluster_N,
        num_general=G,
    )


def answers(row: str, seed: int, skill: float = 0.6, **changes) -> Answers:
    random = generator(seed, "answers", row)
    margin_M = random.normal(skill - 0.5, 0.3, M)
    order_N = random.integers(0, 2, N).astype(np.float64)
    order_N[3] = np.nan
    said = {
        "margin_M": margin_M,
        "won_M": (margin_M > 0).astype(np.float64),
        "text_only_M": random.random(M),
        "order_N": order_N,
        "text_rank_N": random.integers(1, 9, N),
        "picture_rank_N": random.integers(1, 9, N),
        "named_G": random.integers(0, 2, G).astype(np.float64),
    }
    return Answers(row=row, seed=seed, **(said | changes))


ASKED = questions()
DRAWN = Resamples(clusters.resamples(CLUSTERS, 300, generator(0, "a")), clusters.resamples(G, 300, generator(0, "b")))
START = [answers("base", 0, 0.5)]
TUNED = [answers("gn", 0, 0.7), answers("gn", 1, 0.7), answers("gt", 0)]
ROWS = comparison.rows(ASKED, START, TUNED, DRAWN)


def one(row: str, measure: str, rule: str = ALL, corpus: str = ALL, subset: str = ALL, rows=ROWS):
    wanted = {"row": row, "measure": measure, "rule": rule, "corpus": corpus, "subset": subset}
    (found,) = [given for given in rows if all(given[key] == value for key, value in wanted.items())]
    return found


def chosen(rule: str, corpus: str, subset: str) -> list[int]:
    return [
        m
        for m in range(M)
        if rule in (ALL, ASKED.rule_M[m])
        and corpus in (ALL, ASKED.corpus_M[m])
        and ("certain" not in subset or ASKED.certain_M[m])
        and ("unseen" not in subset or ASKED.unseen_M[m])
    ]


def by_hand(values, rows, cluster, drawn_BC) -> list[float]:
    """The mean in every resample that has any of the questions."""
    found = []
    for drawn_C in drawn_BC:
        many = [(values[m], drawn_C[cluster[m]]) for m in rows]
        if total := sum(count for _, count in many):
            found.append(sum(value * count for value, count in many) / total)
    return found


@pytest.mark.parametrize("rule", [ALL, "swap"])
@pytest.mark.parametrize("corpus", [ALL, "vg"])
@pytest.mark.parametrize("subset", comparison.SUBSETS)
def test_accuracy_its_interval_and_its_difference_are_those_of_a_loop(rule, corpus, subset):
    rows = chosen(rule, corpus, subset)
    found = one("gn", "accuracy", rule, corpus, subset)
    start, *seeds = START[0].won_M, TUNED[0].won_M, TUNED[1].won_M
    mean, before = np.mean(seeds, axis=0), start
    assert (found["n"], found["num_images"]) == (len(rows), len({ASKED.cluster_M[m] for m in rows}))
    assert found["seeds"] == [0, 1]
    assert found["value"] == pytest.approx(np.mean([mean[m] for m in rows]))
    assert found["difference"] == pytest.approx(np.mean([mean[m] - before[m] for m in rows]))
    for name, values in (("ci95", mean), ("difference_ci95", mean - before)):
        expected = np.quantile(by_hand(values, rows, ASKED.cluster_M, DRAWN.graphs_BC), [0.025, 0.975])
        assert found[name] == pytest.approx(expected.tolist())
    of_seeds = [float(np.mean([won[m] for m in rows])) for won in seeds]
    half = 12.706204736 * np.std(of_seeds, ddof=1) / 2**0.5
    assert found["seeds_ci95"] == pytest.approx([np.mean(of_seeds) - half, np.mean(of_seeds) + half])
    base = float(np.mean([start[m] for m in rows]))
    assert found["difference_seeds_ci95"] == pytest.approx([end - base for end in found["seeds_ci95"]])


def test_one_seed_has_no_interval_over_seeds_and_the_start_no_difference():
    assert one("gt", "accuracy")["seeds_ci95"] is one("gt", "accuracy")["difference_seeds_ci95"] is None
    start = one("base", "accuracy")
    assert start["difference"] is start["difference_ci95"] is start["difference_seeds_ci95"] is None
    assert [row["row"] for row in ROWS] == sorted((row["row"] for row in ROWS), key=["base", "gn", "gt"].index)


def test_the_other_figures_are_means_of_their_own_questions():
    said = TUNED[2]
    order = [n for n in range(N) if n != 3]  # has no other order
    assert one("gt", "word_order")["value"] == pytest.approx(said.order_N[order].mean())
    assert one("gt", "word_order")["n"] == N - 1
    assert one("gt", "text_only", "swap")["value"] == pytest.approx(said.text_only_M[ASKED.rule_M == "swap"].mean())
    assert one("gt", "picture_to_text_r1")["value"] == pytest.approx(np.mean(said.text_rank_N == 1))
    assert one("gt", "picture_to_text_r5", corpus="vg")["value"] == pytest.approx(
        np.mean(said.text_rank_N[ASKED.corpus_N == "vg"] <= 5)
    )
    assert one("gt", "text_to_picture_r5")["value"] == pytest.approx(np.mean(said.picture_rank_N <= 5))
    kept = one("gt", "retention")
    assert (kept["n"], kept["num_images"]) == (G, G)
    expected = np.quantile(by_hand(said.named_G, range(G), range(G), DRAWN.general_BC), [0.025, 0.975])
    assert kept["ci95"] == pytest.approx(expected.tolist())


def test_what_nobody_can_be_asked_has_no_row():
    nothing = np.full(M, np.nan)
    said = [answers("base", 0, text_only_M=nothing), answers("gn", 0, text_only_M=nothing)]
    found = comparison.rows(ASKED, said[:1], said[1:], DRAWN)
    assert not [row for row in found if row["measure"] == "text_only"]
    assert not [row for row in comparison.controls(found) if row["control"] == "text_only"]


def test_a_seed_is_set_against_the_start_of_the_same_seed():
    start = [answers("base", 0, 0.5), answers("base", 1, 0.5)]
    found = one("gn", "accuracy", rows=comparison.rows(ASKED, start, TUNED[:2], DRAWN))
    gains = [tuned.won_M.mean() - before.won_M.mean() for tuned, before in zip(TUNED, start, strict=False)]
    half = 12.706204736 * np.std(gains, ddof=1) / 2**0.5
    assert found["difference_seeds_ci95"] == pytest.approx([np.mean(gains) - half, np.mean(gains) + half])
    with pytest.raises(DataError, match=r"row 'gn' has seed 5, its start 'base' has \[0, 1\]"):
        comparison.rows(ASKED, start, [answers("gn", 5)], DRAWN)


def test_the_controls_hold_or_not():
    start = answers("base", 0, text_only_M=np.tile([0.4, 0.6], M // 2))
    same = answers("same", 0, text_only_M=np.tile([0.6, 0.4], M // 2), order_N=np.ones(N))
    leaky = answers("leaky", 0, text_only_M=np.full(M, 0.9), order_N=np.tile([0.0, 1.0], N // 2))
    backward = answers("backward", 0, text_only_M=np.full(M, 0.1))
    found = comparison.controls(comparison.rows(ASKED, [start], [same, leaky, backward], DRAWN))
    holds = {(one["row"], one["control"], one["rule"]): one["holds"] for one in found}
    assert [holds[row, "text_only", ALL] for row in ("same", "leaky", "backward")] == [True, False, True]
    assert {rule for row, _, rule in holds if row == "leaky"} == {ALL, "swap", "replace"}
    assert ("base", "text_only", ALL) not in holds
    assert [holds[row, "word_order", ALL] for row in ("same", "leaky")] == [True, False]
    assert found[0]["start_ci95"] is None or found[0]["start"] is not None
    by_row = {one["row"]: one for one in found if (one["control"], one["rule"]) == ("text_only", ALL)}
    assert by_row["leaky"]["difference"] == pytest.approx(0.4)
    assert by_row["leaky"]["difference_ci95"][0] > 0


def test_texts_that_tell_no_more_than_guessing_do_not_leak():
    start = answers("base", 0, text_only_M=np.tile([0.1, 0.3], M // 2))
    guessing = answers("guessing", 0, text_only_M=np.tile([0.2, 0.8], M // 2))
    (found,) = (
        one
        for one in comparison.controls(comparison.rows(ASKED, [start], [guessing], DRAWN))
        if (one["control"], one["rule"]) == ("text_only", ALL)
    )
    assert found["value"] > found["start_ci95"][1]
    assert found["holds"]


def test_the_headline_is_flat_and_of_all_rules_and_corpora():
    numbers = comparison.headline(ROWS)
    assert numbers["gn_accuracy"] == one("gn", "accuracy")["value"]
    assert numbers["gn_unseen_accuracy_difference"] == one("gn", "accuracy", subset="unseen")["difference"]
    assert "base_retention" in numbers
    assert "base_retention_difference" not in numbers
    assert all(isinstance(value, float) for value in numbers.values())
