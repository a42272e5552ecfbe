"""Figures of the transfer: what they show, that it changes them, and that they come out alike every time."""

import numpy as np
import pytest

from pipeline.reporting import transfer
from pipeline.transfer.prototypes import Labels, Setting, choose

UNSEEN = Labels.of(["hop", "spin"], np.array([[0.8, 0.6, 0.1], [0.1, 0.6, 0.8]]))
SEEN = Labels.of(["jump", "run", "turn"], np.eye(3))


@pytest.fixture
def choice():
    return choose(UNSEEN, SEEN, Setting(2, 1, 1.0), cap="row")


def test_the_tables_say_what_was_chosen_and_what_was_lost_to_whom(choice) -> None:
    made, lost, shared = transfer.explained("s0-0", choice)
    assert [row[:2] for row in made.rows] == [["hop", "jump"], ["spin", "turn"]]
    assert lost.rows[0][:3] == ["hop", 1, "run (0.60; spin 0.60)"]
    assert shared.rows == []


def test_a_shared_seen_class_is_listed_with_those_who_share_it() -> None:
    every = choose(UNSEEN, SEEN, Setting(None, None, 0.0), cap="row")
    assert transfer.explained("s0-0", every)[2].rows[1] == ["run", "hop, spin"]


def figures(choice, nearest=(0, 1) * 6):
    clips_NF = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    return transfer.figures_of(choice, transfer.Map(clips_NF, list(nearest), clips_NF[:2]), num_graphs=1)


def test_the_same_figures_come_out_alike_and_others_do_not(choice) -> None:
    drawn = figures(choice)
    assert drawn == figures(choice)
    assert drawn.clouds != figures(choice, (1, 1) * 6).clouds


def test_the_matrices_hold_the_cosines_and_the_chosen_pairs(choice) -> None:
    related, chosen = figures(choice).heats
    unit = UNSEEN.text_CD / np.linalg.norm(UNSEEN.text_CD, axis=1, keepdims=True)
    assert np.allclose(related.values, unit, atol=0.006)  # the seen texts are the axes
    assert chosen.values == [[1, 0, 0], [0, 0, 1]]
    assert (related.rows, related.columns) == (["hop", "spin"], ["jump", "run", "turn"])
    assert "Most related: hop and jump, 0.80" in related.alt
    assert "2 pairs, 1 to 1 seen classes" in chosen.alt


def test_a_graph_joins_what_was_chosen_what_was_lost_and_who_is_nearer(choice) -> None:
    (graph,) = figures(choice).graphs
    assert graph.left == [("hop", ""), ("spin", "")]
    assert graph.right == [("jump", "0.80, chosen"), ("run", "0.60, lost: spin 0.60")]
    assert [(edge.left, edge.right, edge.kind) for edge in graph.edges] == [
        (0, 0, "chosen"),
        (0, 1, "lost"),
        (1, 1, "rival"),
    ]
    assert "run (0.60, lost: spin 0.60)" in graph.alt


def test_every_prototype_is_an_anchor_and_a_clip_has_the_name_of_its_nearest(choice) -> None:
    (cloud,) = figures(choice, (1,) * 12).clouds
    assert [(dots.name, len(dots.x), dots.anchor) for dots in cloud.series] == [
        ("spin", 12, False),
        ("hop", 1, True),
        ("spin", 1, True),
    ]
