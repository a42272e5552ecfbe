import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from pipeline.compute.shared import Compute
from pipeline.core import pages
from pipeline.core.errors import ParamsError
from pipeline.core.hashing import folder_digest
from pipeline.core.params import parse
from pipeline.datasets import shared as datasets
from pipeline.formats import webdataset
from pipeline.formats.named_classes import ClassNames
from pipeline.steps.synthesize import Row, synthesize
from pipeline.world import captioning, image_texts
from pipeline.world.actions import ACTIONS
from pipeline.world.image_texts import ImageTextWorld
from pipeline.world.scenes import scene

PLAIN = frozenset(("a", "an", "and", "can", "holding", "is", "left", "next", "of", "on", "one", "picture", "right"))
PLAIN |= {"see", "that", "the", "there", "to", "under", "wearing"}
INLINE = Compute(engine="inline", num_workers=1)
UNSEEN = datasets.published_splits("demo")["composed"]
SEEN = sorted(set(range(len(ACTIONS))) - set(UNSEEN))
WORLD = ImageTextWorld(
    kind="image_text", seed=3, pictures=30, pictures_per_shard=12, classes=SEEN, width=48, height=36, focal_px=39.0,
    frames=12,
    sizes={"mean": 1.0, "deviation": 0.06}, places={"distance_m": (2.8, 3.8), "height_m": (0.8, 1.4)},
    rooms={"wall_behind_m": (1.6, 2.6), "floor_brightness": (0.25, 0.6), "floor_tint": (1.0, 1.0, 1.0),
           "wall_brightness": (0.45, 0.85), "wall_tint": (1.0, 1.0, 1.0), "things": 0},
)  # fmt: skip


def made(world, folder):
    synthesize(world, INLINE, row="pairs", out=folder / "pairs", page=folder / "page")
    return folder / "pairs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made(WORLD, tmp_path_factory.mktemp("image_text"))


def test_the_shards_are_what_img2dataset_writes(folder):
    names = sorted(path.name for path in folder.iterdir())
    assert names == sorted(f"{k:05d}{end}" for k in range(3) for end in (".tar", "_stats.json"))
    shards = [webdataset.index(path) for path in webdataset.shard_paths(folder)]
    assert [len(shard.keys_N) for shard in shards] == [12, 12, 6]
    keys = [shard.key(k) for shard in shards for k in range(len(shard.keys_N))]
    assert len(set(keys)) == 30
    assert keys[13] == "000010001"
    for shard in shards:
        for k, text in enumerate(shard.texts()):
            with Image.open(io.BytesIO(shard.picture(k))) as picture:
                assert (picture.format, picture.size) == ("JPEG", (48, 36))
            assert text
            with tarfile.open(shard.path) as tar:
                about = json.load(tar.extractfile(f"{shard.key(k)}.json"))
            assert about["caption"] == text
            assert about["origin"] == ("scene" if about["class_id"] is None else "person")
            assert about["class_id"] is None or about["class_id"] in SEEN


def test_half_of_the_pictures_show_people(folder):
    with tarfile.open(folder / "00000.tar") as tar:
        about = [json.load(tar.extractfile(name)) for name in tar.getnames() if name.endswith("json")]
    assert sum(one["origin"] == "person" for one in about) == 6


def test_the_page_shows_a_sheet_of_samples(folder):
    page = pages.read(folder.parent / "page" / pages.FILE)
    assert page.tables[0].rows == [["00000.tar", 12], ["00001.tar", 12], ["00002.tar", 6]]
    with Image.open(folder.parent / "page" / page.images[0].file) as sheet:
        assert np.asarray(sheet).std() > 10


def test_the_seed_decides_every_byte(folder, tmp_path):
    assert folder_digest(folder) == folder_digest(made(WORLD, tmp_path / "again"))
    assert folder_digest(folder) != folder_digest(made(WORLD.model_copy(update={"seed": 4}), tmp_path / "other"))


def test_no_caption_names_a_class_that_is_not_shown():
    names = ClassNames({"demo": [one.name for one in datasets.classes("demo")]})
    words, rng = captioning.Words(SEEN), np.random.default_rng(0)
    for class_id in SEEN:
        said = {words.of_action(class_id, rng) for _ in range(300)}
        assert len(said) >= 20, ACTIONS[class_id].name
        assert not {named for text in said for _, named in names.named(text)} & set(UNSEEN)
    alone = captioning.Words([7])  # its name has all words of "raise left arm and lift right knee" but one
    said = {alone.of_action(7, rng) for _ in range(300)}
    assert {named for text in said for _, named in names.named(text)} <= {7}


def test_classes_of_which_nothing_can_be_said_alone_are_one_clear_line():
    assert captioning.Words([12]).unsaid() == [12]
    assert captioning.Words(range(len(ACTIONS))).unsaid() == []
    with pytest.raises(
        ValidationError, match=r"classes \[12\] have no caption that names none but \[12\]; leave them out"
    ):
        ImageTextWorld.model_validate({**WORLD.model_dump(), "classes": [12]})


def test_every_class_can_be_told_and_the_sides_are_its_own():
    everything, rng = captioning.Words(range(len(ACTIONS))), np.random.default_rng(0)
    for class_id, action in enumerate(ACTIONS):
        limbs = {limb for limb, _ in action.primitives}
        sides = {side for side in ("left", "right") if any(limb.startswith(side) for limb in limbs)}
        for _ in range(40):
            text = everything.of_action(class_id, rng)
            assert {side for side in ("left", "right") if side in text.split()} <= sides, text
            if len(sides) == 1:
                assert sides <= set(text.split()), text


def test_what_is_said_of_a_scene_is_true_of_it():
    rng = np.random.default_rng(0)
    relations = {"on": 0, "under": 0, "to the left of": 0, "holding": 0}
    for number in range(40):
        made_scene = scene(1, number, 96, 72)
        text, told = captioning.of_scene(made_scene, rng)
        assert all(thing.noun in text.split() for thing in told), text
        nouns = {thing.noun for thing in made_scene.things}
        words = {word for thing in made_scene.things for word in thing.words}
        assert set(text.split()) <= words | nouns | PLAIN, text
        for predicate in relations:
            relations[predicate] += f" {predicate} " in text
    assert all(relations.values()), relations


def test_what_the_caption_tells_of_is_in_the_picture():
    rng = np.random.default_rng(0)
    smaller = 0
    for number in range(60):
        made_scene = scene(1, number, 192, 144)
        _, told = captioning.of_scene(made_scene, rng)
        left, top, right, bottom = image_texts._around(told, made_scene)
        assert 0 <= left < right <= 192
        assert 0 <= top < bottom <= 144
        assert (right - left) * 144 == pytest.approx((bottom - top) * 192, abs=192)  # nothing is stretched
        for thing in told:
            x, y, wide, high = thing.box
            if thing.number:
                assert (left, top) <= (max(0, x), max(0, y))
                assert top <= max(0, y)
                assert min(192, x + wide) <= right
                assert min(144, y + high) <= bottom
        smaller += right - left < 96
    assert smaller > 10  # mostly it is a part of the scene


def test_people_are_shown_where_their_motion_shows(tmp_path):
    heights = {}
    for class_id in (0, 14):  # a raised arm reaches higher than a squatting body
        shards = made(WORLD.model_copy(update={"classes": [class_id], "pictures": 12}), tmp_path / str(class_id))
        shard = webdataset.index(shards / "00000.tar")
        shown = [np.asarray(Image.open(io.BytesIO(shard.picture(k))), float) for k in range(1, 12, 2)]
        heights[class_id] = np.mean([_height(picture) for picture in shown])
    assert heights[0] > heights[14] + 5


def _height(picture):
    """How many rows the figure spans: only people are vivid."""
    vivid = picture.max(-1) - picture.min(-1) > 80
    rows = np.flatnonzero(vivid.any(1))
    return rows[-1] - rows[0] if len(rows) else 0


def test_a_class_that_the_dataset_lacks_is_refused():
    with pytest.raises(ParamsError, match=r"demo has no classes \[25\]"):
        parse(Row, WORLD.model_dump(mode="json") | {"classes": [25]}, "synthesize.rows.demo_pairs")
