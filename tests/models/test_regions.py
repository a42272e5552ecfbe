"""The mean over a box against what integration by many points, and what closed forms, say."""

import numpy as np
import pytest
import torch

from pipeline.models.regions import Lattice, box_means, cell_shares


def interpolated(cells_GP, y, x):
    """The map at points (0 to 1), bilinear between the middles of its cells, constant beyond the outermost."""
    rows, columns = cells_GP.shape
    y, x = np.clip(y * rows - 0.5, 0, rows - 1), np.clip(x * columns - 0.5, 0, columns - 1)
    i, j = np.minimum(y.astype(int), max(rows - 2, 0)), np.minimum(x.astype(int), max(columns - 2, 0))
    below, right = np.minimum(i + 1, rows - 1), np.minimum(j + 1, columns - 1)
    v, u = y - i, x - j
    top = cells_GP[i, j] * (1 - u) + cells_GP[i, right] * u
    bottom = cells_GP[below, j] * (1 - u) + cells_GP[below, right] * u
    return top * (1 - v) + bottom * v


def cells_of(rows, columns):
    """A picture of which every pixel is a cell."""
    return Lattice(size=(1, rows, columns), stride=(1, 1, 1))


def mean_of_many_points(cells_GP, corners, num=800):
    x0, y0, x1, y1 = corners
    middles = (np.arange(num) + 0.5) / num
    y, x = np.meshgrid(y0 + middles * (y1 - y0), x0 + middles * (x1 - x0), indexing="ij")
    return interpolated(cells_GP, y, x).mean()


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 2), (5, 7)])
@pytest.mark.parametrize(
    "corners", [(0, 0, 1, 1), (0.1, 0.2, 0.35, 0.9), (0.0, 0.6, 0.05, 0.62), (0.93, 0.97, 1.0, 1.0)]
)
def test_the_mean_is_that_of_the_interpolated_map(shape, corners):
    cells = np.random.default_rng(0).normal(size=shape)
    places_DSGP = torch.from_numpy(cells)[None, None]
    found = box_means(places_DSGP, torch.tensor([0]), torch.tensor([corners], dtype=torch.float64), cells_of(*shape))
    assert found.item() == pytest.approx(mean_of_many_points(cells, corners), abs=2e-5)


def test_on_a_slope_the_mean_is_the_value_in_the_middle():
    slope = torch.arange(6, dtype=torch.float64).repeat(4, 1)[None, None] + 0.5  # 6 x between the outermost middles
    corners = torch.tensor([[0.2, 0.1, 0.6, 0.8]], dtype=torch.float64)
    assert box_means(slope, torch.tensor([0]), corners, cells_of(4, 6)).item() == pytest.approx(6 * 0.4)


def test_a_box_takes_the_nearest_frame_that_is_left():
    steps = torch.arange(4.0).view(1, 4, 1, 1).expand(2, 4, 3, 3)  # of frames 0, 4, 8 and 12
    lattice = Lattice(size=(16, 3, 3), stride=(4, 1, 1))
    found = box_means(steps, torch.arange(16), torch.tensor([[0.1, 0.1, 0.5, 0.5]]).expand(16, 4), lattice)
    assert found.shape == (16, 2)
    nearest = [0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]  # of two as near the later one
    assert torch.allclose(found[:, 0], torch.tensor(nearest).float(), atol=1e-6)


def test_the_cells_of_a_strided_map_lie_on_the_pixels_they_look_at():
    columns = torch.arange(8.0).expand(6, 8)  # of a picture of 48 x 64 at every eighth pixel
    one_pixel = torch.tensor([[24 / 64, 16 / 48, 25 / 64, 17 / 48]])
    lattice = Lattice(size=(1, 48, 64), stride=(1, 8, 8))
    assert box_means(columns[None, None], torch.tensor([0]), one_pixel, lattice).item() == pytest.approx(3)


@pytest.mark.parametrize("width", [1e-4, 1e-6, 6e-8])
def test_a_sliver_gets_the_value_of_where_it_lies(width):
    cells = np.random.default_rng(1).normal(size=(6, 8))
    corners = torch.tensor([[0.7, 0.3, 0.7 + width, 0.3 + width]])
    places = torch.from_numpy(cells).float()[None, None]
    found = box_means(places, torch.tensor([0]), corners, cells_of(6, 8)).item()
    assert found == pytest.approx(mean_of_many_points(cells, corners[0].double().numpy(), 50), abs=1e-5)


def test_the_cells_share_the_whole_mean():
    random = 5 * torch.rand(50, 2, dtype=torch.float64).sort(dim=1).values
    found = cell_shares(random[:, 0], random[:, 1] + 1e-3, 5)
    assert torch.allclose(found.sum(dim=1), torch.ones(50, dtype=torch.float64))
    assert (found >= -1e-12).all()


def test_a_clip_without_boxes_has_no_regions():
    empty = (torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4))
    assert box_means(torch.rand(8, 2, 3, 3), *empty, cells_of(3, 3)).shape == (0, 8)
