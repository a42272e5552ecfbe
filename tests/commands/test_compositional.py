"""The command over small pictures and an encoder that knows what they are called."""

import json
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.cli import app, results
from pipeline.commands import compositional
from pipeline.core.errors import DataError, FormatError
from pipeline.core.seeds import generator
from pipeline.evaluation import intervals
from pipeline.formats.caption_pairs import KINDS
from pipeline.models import clip
from tests.steps.comparisons import unit

NUM = 30


class Encoder:
    """A picture of brightness n is at n of a circle, as is the text "n"; a text of "wrong" words lies elsewhere."""

    def __init__(self, prior: float = 0.0) -> None:
        self.prior = prior
        self.sizes: list[tuple[int, int]] = []
        self.texts: list[str] = []

    def image_vectors(self, pictures):
        self.sizes += [picture.shape[:2] for picture in pictures]
        return unit(np.stack([[*self._at(int(picture.mean().round()) // 5), self.prior] for picture in pictures]))

    def text_vectors(self, texts):
        self.texts += texts
        return unit(np.stack([self._text(text) for text in texts]))

    def _text(self, text: str):
        *words, number = text.split()
        return [*self._at(int(number)), -self.prior if words else self.prior]

    def _at(self, number: int):
        return np.cos(2 * np.pi * number / NUM), np.sin(2 * np.pi * number / NUM)


@pytest.fixture
def folder(tmp_path):
    """Thirty pictures, of each two questions: one easy, one whose true text is the other one."""
    (tmp_path / "pictures").mkdir()
    asked = []
    for n in range(NUM):
        Image.new("RGB", (12, 10), (5 * n,) * 3).save(tmp_path / f"pictures/{n}.png")
        asked.append({"image": f"{n}.png", "caption": f"{n}", "false_caption": f"not {(n + 5) % NUM}", "rule": "far"})
        turned = {"caption": f"{n}", "false_caption": f"not {n}"}  # the same vector without a prior: ties
        asked.append({"image": f"{n}.png", **turned, "rule": "same"})
    (tmp_path / "asked.jsonl").write_text("\n".join(json.dumps(one) for one in asked))
    return tmp_path


def measured(folder, encoder=None, **changes):
    options = {"images": folder / "pictures", "kind": "auto", "out": None} | changes
    return compositional.measured(folder / "asked.jsonl", encoder or Encoder(), **options)


def test_accuracy_by_rule_with_ties_as_halves(folder):
    found = measured(folder)
    far, same = found.lines[1:]
    assert [line.rule for line in found.lines] == ["all", "far", "same"]
    assert (far.accuracy, far.ci95, far.n, far.num_images) == (1.0, intervals.wilson(NUM, NUM), NUM, NUM)
    assert (same.accuracy, same.ci95) == (0.5, (0.5, 0.5))
    assert (found.lines[0].accuracy, found.mean_of_rules, found.lines[0].n) == (0.75, 0.75, 2 * NUM)
    assert found.num_missing == 0


def test_text_alone_is_told_by_the_pictures_of_others(folder):
    blind, prior = measured(folder), measured(folder, Encoder(prior=3.0))
    assert blind.lines[1].text_only == pytest.approx(0.5, abs=0.15)
    low, high = blind.lines[1].text_only_ci95
    assert low <= blind.lines[1].text_only <= high
    assert [line.text_only for line in prior.lines] == [1.0, 1.0, 1.0]


def test_every_text_and_picture_is_encoded_once(folder):
    encoder = Encoder()
    measured(folder, encoder)
    assert len(encoder.sizes) == NUM
    assert len(encoder.texts) == len(set(encoder.texts)) == 2 * NUM


def test_questions_without_their_pictures_are_counted_and_left_out(folder):
    (folder / "pictures/3.png").unlink()
    found = measured(folder)
    assert (found.num_missing, found.lines[0].n) == (2, 2 * NUM - 2)
    assert list(compositional.lines(found))[-1] == "2 questions left out: their pictures are not there"
    with pytest.raises(DataError, match=r"none of its 30 pictures is in .*, first '0.png'; --images names"):
        measured(folder, images=folder)


def test_one_picture_has_neither_interval_nor_others(folder):
    for n in range(1, NUM):
        (folder / f"pictures/{n}.png").unlink()
    line = measured(folder).lines[0]
    assert (line.ci95, line.text_only, line.text_only_ci95) == (None, None, None)
    assert " - " in list(compositional.lines(measured(folder)))[1]


def test_a_box_is_cut_out_and_at_the_edge_of_the_picture(folder):
    told = {"image_path": "4.png", "true_caption": "4", "false_caption": "not 9"}
    boxes = [(2, 1, 5, 4), (8, 6, 100, 100)]
    named = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")
    asked = [told | dict(zip(named, box, strict=True)) for box in boxes]
    (folder / "aro.json").write_text(json.dumps(asked))
    encoder = Encoder()
    found = compositional.measured(folder / "aro.json", encoder, images=folder / "pictures", kind="auto", out=None)
    assert encoder.sizes == [(4, 5), (4, 4)]
    assert found.lines[0].num_images == 1
    (folder / "aro.json").write_text(json.dumps([told | dict(zip(named, (12, 0, 1, 1), strict=True))]))
    with pytest.raises(DataError, match=r"box \(12, 0, 1, 1\) lies outside its 12 x 10 pixels"):
        compositional.measured(folder / "aro.json", encoder, images=folder / "pictures", kind="auto", out=None)


def test_a_picture_that_does_not_decode_is_one_clear_line(folder):
    (folder / "pictures/3.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    with pytest.raises(FormatError, match=r"3\.png: not a readable picture"):
        measured(folder)


def test_the_interval_is_over_pictures_not_questions(folder):
    lines = (folder / "asked.jsonl").read_text().splitlines()
    random = generator(0, "half")
    right = [json.loads(line) for line in lines[::2]]
    for one in right:
        if random.random() < 0.5:
            one["caption"], one["false_caption"] = one["false_caption"], one["caption"]
    (folder / "asked.jsonl").write_text("\n".join(json.dumps(one) for one in right))
    once = measured(folder).lines[0]
    (folder / "asked.jsonl").write_text("\n".join(json.dumps(one) for one in right * 9))
    assert measured(folder).lines[0].ci95 == once.ci95
    assert 0 < once.ci95[0] < once.accuracy < once.ci95[1] < 1


@pytest.mark.parametrize("is_row", [True, False])
def test_the_command_prints_a_table_and_writes_json(folder, monkeypatch, is_row):
    weights = folder / "weights"
    weights.mkdir() if is_row else weights.touch()
    asked: list[tuple] = []
    monkeypatch.setattr(clip, "start", lambda path, seed: asked.append((path, seed)) or Encoder())
    options = ["--weights", str(weights), "--images", str(folder / "pictures"), "--out", str(folder / "out.json")]
    command = ["compositional", str(folder / "asked.jsonl"), *options, "--seed", "3"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert asked == [(weights, 3)]
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith(("all", "far", "same"))]
    assert rows[1][:5] == ["far", "30", "30", "100.0", "88.6-100.0"]
    written = json.loads((folder / "out.json").read_text())
    assert (written["file"], written["num_missing"], written["lines"][1]["accuracy"]) == ("asked.jsonl", 0, 1.0)
    assert CliRunner().invoke(app, [*command, "--kind", "aro"]).exit_code == 1
    beside = (folder / "asked.jsonl").rename(folder / "pictures/asked.jsonl")
    again = CliRunner().invoke(app, ["compositional", str(beside), "--weights", str(weights)])
    assert again.stdout == result.stdout


def test_the_command_knows_every_layout():
    assert get_args(results.Kind) == ("auto", *KINDS)
