"""The leak of texts: known for made-up pairs, and close to what logistic regression finds."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.text.leak import Pairs, wilson


def figure_of(pairs: list[tuple[str, str, str]], *, neighbours: bool = False, seed: int = 0):
    made = Pairs(seed, neighbours=neighbours)
    for pair in pairs:
        made.add(*pair)
    return made.accuracy()


def test_a_word_that_only_stands_in_negatives_tells_all():
    pairs = [(str(n), "A man on a horse.", "A zeppelin on a horse.") for n in range(100)]
    figure = figure_of(pairs)
    assert figure.accuracy == 1
    assert 0 < figure.num_tested < 100
    assert figure.low < 1


def test_words_that_stand_in_both_alike_tell_nothing():
    rng = np.random.default_rng(0)
    nouns = ["man", "dog", "cat", "cow", "bird"]
    drawn = [rng.choice(nouns, 2, replace=False) for _ in range(4000)]
    figure = figure_of(
        [(str(n), f"A {one} on a horse.", f"A {other} on a horse.") for n, (one, other) in enumerate(drawn)]
    )
    assert figure.low < 0.5 < figure.high


def test_exchanged_words_tell_nothing_by_themselves_and_all_by_their_neighbours():
    pairs = [(str(n), "A man wearing a hat.", "A hat wearing a man.") for n in range(100)]
    assert figure_of(pairs).accuracy == 0.5
    assert figure_of(pairs, neighbours=True).accuracy == 1


def test_the_pairs_of_an_image_are_on_one_side():
    assert figure_of([("1", "a", "b")] * 50) is None
    sides = {seed: figure_of([(str(n), "a", "b") for n in range(40)], seed=seed).num_tested for seed in range(5)}
    assert len(set(sides.values())) > 1


def test_the_order_of_the_pairs_changes_nothing():
    pairs = [(str(n), f"a {n % 7} dog", f"a {n % 5} dog") for n in range(300)]
    assert figure_of(pairs) == figure_of(pairs[::-1])


def test_it_tells_about_as_many_as_logistic_regression():
    rng = np.random.default_rng(1)
    words = [f"w{n}" for n in range(30)]
    true, false = rng.dirichlet(np.full(30, 0.5), 2)
    drawn = [(str(n), str(rng.choice(words, p=true)), str(rng.choice(words, p=false))) for n in range(3000)]
    made = Pairs(0, neighbours=False)
    for pair in drawn:
        made.add(*pair)
    rows = [np.array([[counts.get(word, 0) for word in words] for counts in side]) for side in made._pairs]
    model = LogisticRegression(fit_intercept=False)
    model.fit(np.concatenate((rows[0], -rows[0])), np.repeat((1, 0), len(rows[0])))
    score = model.decision_function(rows[1])
    expected = np.mean((score > 0) + 0.5 * (np.abs(score) < 1e-12))
    assert made.accuracy().accuracy == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("successes", "number"), [(0, 10), (5, 10), (10, 10), (93, 200), (7.5, 20)])
def test_the_interval_solves_wilsons_equation(successes, number):
    share = successes / number
    for bound in wilson(successes, number):
        if 1e-6 < bound < 1 - 1e-6:
            assert abs(share - bound) / math.sqrt(bound * (1 - bound) / number) == pytest.approx(1.959964, rel=1e-6)
