"""The page of a row of rest shows where the network looks, in clips that it has not learnt from."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.core import pages
from pipeline.steps import rest
from tests.steps import resting
from tests.steps.resting import E2E, STORED, changed, run


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resting.made(tmp_path_factory.mktemp("films"))


@pytest.fixture(autouse=True)
def _world(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "Code", resting.AnyCode)
    shutil.copytree(films, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def test_clips_that_were_held_out_are_shown_with_their_class(tmp_path: Path) -> None:
    folder = run(tmp_path)
    images = pages.read(folder / "page.json").images
    held_out = [clip_id for clip_id in resting.ids("demo") if resting.is_held_out(clip_id)]
    shown = [next(clip_id for clip_id in held_out if f"({clip_id})" in image.caption) for image in images]
    assert len(set(shown)) == len(images) == 4
    for clip_id, image in zip(shown, images, strict=True):
        assert f"“{resting.NAMES['demo'][resting.class_of(clip_id)]}”" in image.caption
        assert np.asarray(Image.open(folder / image.file)).std() > 0


def test_regions_are_shown_in_the_prepared_frames(tmp_path: Path) -> None:
    row = changed(changed(**STORED), input__array="regions", input__num_frames=4)
    folder = run(tmp_path, row)
    (image, *_) = pages.read(folder / "page.json").images
    assert "the five regions" in image.caption
    with Image.open(folder / image.file) as picture:
        assert picture.height == 192


@pytest.mark.parametrize("options", [E2E, {"model": {"kind": "lstm", "dim": 8, "num_layers": 1, "dropout": 0.0}}])
def test_a_network_without_attention_shows_none(options: dict[str, object], tmp_path: Path) -> None:
    assert pages.read(run(tmp_path, changed(**options)) / "page.json").images == []
