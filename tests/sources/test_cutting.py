import numpy as np
import pytest

from pipeline.core.seeds import generator
from pipeline.sources.cutting import Centre, Random, Squash, cut, seen_boxes

REGION = (10.0, 20.0, 80.0, 40.0)
SQUASH, CENTRE = Squash(kind="squash"), Centre(kind="centre")
RANDOM = Random(kind="random", min_area=0.25)


def test_each_way_of_cutting_shows_another_part():
    rng = generator(0, "x")
    assert cut(SQUASH, REGION, (8, 8), rng) == REGION
    assert cut(CENTRE, REGION, (8, 8), rng) == (30.0, 20.0, 40.0, 40.0)
    assert cut(CENTRE, REGION, (8, 32), rng) == (10.0, 30.0, 80.0, 20.0)
    for number in range(50):
        x, y, w, h = cut(RANDOM, REGION, (8, 8), generator(number, "x"))
        assert 10 <= x <= x + w <= 90.0001
        assert 20 <= y <= y + h <= 60.0001
        assert w / h == pytest.approx(2)
        assert 0.2499 <= w * h / 3200 <= 1
    assert cut(RANDOM, REGION, (8, 8), generator(1, "x")) == cut(RANDOM, REGION, (8, 8), generator(1, "x"))
    assert cut(Random(kind="random", min_area=1.0), REGION, (8, 8), rng) == pytest.approx(REGION)


def test_boxes_lie_where_their_pixels_are_shown():
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.75, 0.0, 1.0, 1.0]], np.float32)  # of the region
    assert np.array_equal(seen_boxes(boxes, REGION, REGION), boxes)
    shown = cut(CENTRE, REGION, (8, 8), generator(0, "x"))  # x 30 to 70
    np.testing.assert_allclose(seen_boxes(boxes, REGION, shown), [[0.0, 0.0, 0.5, 0.5]])
    # Against pixels: paint the box, cut the picture, look where the paint is.
    picture = np.zeros((80, 120))
    picture[20:60, 10:50] = 1
    x, y, w, h = cut(RANDOM, REGION, (8, 8), generator(3, "x"))
    window = picture[round(y) : round(y + h), round(x) : round(x + w)]
    rows, columns = np.flatnonzero(window.any(1)), np.flatnonzero(window.any(0))
    found = seen_boxes(np.array([[0.0, 0.0, 0.5, 1.0]], np.float32), REGION, (x, y, w, h))[0]
    expected = [columns[0] / w, rows[0] / h, (columns[-1] + 1) / w, (rows[-1] + 1) / h]
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=1.01 / min(w, h))
