"""Figures of the transfer: what they show changes them, and they come out alike every time."""

import numpy as np
import pytest

from pipeline.reporting import transfer, transfer_figures
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


def test_the_same_figures_are_the_same_bytes_and_others_are_not(choice, tmp_path) -> None:
    clips_NF = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    files = []
    for name, nearest in (("a", [0, 1] * 6), ("b", [0, 1] * 6), ("c", [1, 1] * 6)):
        (tmp_path / name).mkdir()
        shown = transfer.Map(clips_NF, nearest, clips_NF[:2])
        images = transfer.drawn(tmp_path / name, choice, shown, num_graphs=1)
        files.append({image.file: (tmp_path / name / image.file).read_bytes() for image in images})
    assert list(files[0]) == ["relatedness.png", "adjacency.png", "clips.png", "class-000.png"]
    assert files[0] == files[1]
    assert files[0]["clips.png"] != files[2]["clips.png"]


def test_a_long_axis_goes_without_names(tmp_path) -> None:
    names = [f"class {number}" for number in range(200)]
    transfer_figures.heat_map(tmp_path / "m.png", np.eye(2, 200), names[:2], names, binary=True)
    assert (tmp_path / "m.png").stat().st_size > 0
