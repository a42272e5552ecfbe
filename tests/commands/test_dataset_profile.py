"""The profile that is written for a folder fits its numbers of classes and clips, and what its files show."""

import pytest

from pipeline.commands.collection import profile_text
from pipeline.commands.collection.files import Facts


def sizes(num_classes, num_clips=500):
    return profile_text.fitted(num_classes, {"skeleton": num_clips})


@pytest.mark.parametrize(
    ("num_classes", "num_unseen", "num_val", "num_fit"),
    [(7, 2, 2, 3), (9, 2, 2, 5), (12, 2, 3, 7), (27, 5, 5, 17), (60, 12, 10, 38)],
)
def test_numbers_of_classes_follow_the_data(num_classes, num_unseen, num_val, num_fit):
    fitted = sizes(num_classes)
    assert (fitted.num_unseen, fitted.val_classes.number(num_classes - num_unseen)) == (num_unseen, num_val)
    assert fitted.num_fit_classes == num_fit


def test_few_clips_get_small_batches_and_more_epochs():
    fitted = {number: sizes(27, number) for number in (60, 2_000, 50_000)}
    assert [one.batch_size("skeleton") for one in fitted.values()] == [8, 16, 64]
    epochs = [one.num_epochs("skeleton") for one in fitted.values()]
    assert epochs == sorted(epochs, reverse=True)
    assert (epochs[0], epochs[-1]) == (30, 8)


@pytest.mark.parametrize(
    ("layouts", "upwards", "told"),
    [
        ({"kinect20"}, ["y", "-z", "y", None], "up: y"),
        ({"kinect20"}, ["-y", "-y", "y"], "up: auto"),
        ({"kinect20"}, [None], "up: y"),
        ({"openpose18"}, [None], "up: auto"),
    ],
)
def test_what_points_upwards_is_what_most_bodies_show(layouts, upwards, told):
    facts = {"skeleton": Facts(layouts=layouts, upwards=upwards)}
    assert told in profile_text.written("moves", sizes(9), facts, has_contexts=False)


@pytest.mark.parametrize(
    ("num_classes", "neighbours", "top5"),
    [(7, "[3]", False), (27, "[3, 5, 10]", False), (60, "[3, 5, 10]", True)],
)
def test_k_fits_the_classes_left_and_top5_stands_where_it_can_fail(num_classes, neighbours, top5):
    text = profile_text.written("moves", sizes(num_classes), {"skeleton": Facts()}, has_contexts=False)
    assert f"num_neighbours: {neighbours}," in text
    assert ("top5" in text) == top5


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (Facts(size=(240, 320), is_masked=True), "sensor: kinect_v1, unit: nearness, crop: mask, margin: 0.05"),
        (Facts(size=(424, 512)), "sensor: kinect_v2, unit: nearness, crop: none, margin: 0.0"),
    ],
)
def test_the_depth_recipe_follows_the_pictures(facts, told):
    fitted = profile_text.fitted(27, {"depth": 100})
    assert told in profile_text.written("moves", fitted, {"depth": facts}, has_contexts=False)
