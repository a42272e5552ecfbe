import numpy as np
import pytest
from sklearn.decomposition import PCA

from pipeline.reporting import projections

RANDOM = np.random.default_rng(3)
VECTORS = RANDOM.normal(size=(40, 6)) @ RANDOM.normal(size=(6, 6))


def test_components_are_those_of_sklearn_up_to_their_sign() -> None:
    points, share = projections.principal(VECTORS)
    reference = PCA(2).fit(VECTORS)
    expected = reference.transform(VECTORS)
    expected *= np.sign((points * expected).sum(axis=0))
    np.testing.assert_allclose(points, expected, atol=1e-9)
    assert share == pytest.approx(reference.explained_variance_ratio_.sum())


def test_the_sign_does_not_depend_on_the_order_of_the_clips() -> None:
    points, _ = projections.principal(VECTORS)
    turned, _ = projections.principal(VECTORS[::-1])
    np.testing.assert_allclose(points, turned[::-1], atol=1e-9)


@pytest.mark.parametrize("vectors", [np.ones((3, 4)), np.eye(2, 3), np.ones((1, 2))])
def test_vectors_without_two_directions_have_a_plane_too(vectors: np.ndarray) -> None:
    points, share = projections.principal(vectors)
    assert points.shape == (len(vectors), 2)
    assert np.isfinite(points).all()
    assert 0 <= share <= 1


def test_neighbours_stay_neighbours_and_come_out_alike() -> None:
    groups = np.repeat(10 * np.eye(3, 5), 10, axis=0) + 0.1 * RANDOM.normal(size=(30, 5))
    points = projections.neighbours(groups)
    assert np.array_equal(points, projections.neighbours(groups))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(30)
    assert (apart.argmin(axis=1) // 10 == np.arange(30) // 10).all()


def test_the_share_between_classes_is_one_less_the_share_within() -> None:
    classes = RANDOM.integers(0, 4, 40)
    within = sum(((VECTORS[classes == one] - VECTORS[classes == one].mean(axis=0)) ** 2).sum() for one in range(4))
    total = ((VECTORS - VECTORS.mean(axis=0)) ** 2).sum()
    assert projections.share_between(VECTORS, classes) == pytest.approx(1 - within / total)
    assert projections.share_between(np.ones((4, 2)), np.array([0, 0, 1, 1])) == 0
