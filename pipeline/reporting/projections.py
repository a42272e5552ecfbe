"""Vectors projected to a plane, deterministically: by principal components or by t-SNE."""

# Shapes: N vectors, H size of a vector, 2 = x y.
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

_ROUNDS = 500  # of t-SNE
_PERPLEXITY = 20.0
FEWEST = 5  # vectors for t-SNE


def principal(vectors_NH: Floats) -> tuple[npt.NDArray[np.float64], float]:
    """The first two principal components (N, 2), and their share of the variance.

    The sign of a component is arbitrary: it is chosen so that the largest loading is positive.

    >>> points, share = principal(np.array([[0.0, 0, 1], [0, 2, 1], [0, 4, 1]]))
    >>> points.round(6).tolist(), round(share, 6)
    ([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]], 1.0)
    """
    centred_NH = vectors_NH.astype(np.float64) - vectors_NH.mean(axis=0, dtype=np.float64)
    _, sizes, axes_RH = np.linalg.svd(centred_NH, full_matrices=False)
    first_2H = np.zeros((2, vectors_NH.shape[1]))
    first_2H[: len(axes_RH)] = axes_RH[:2]
    signs_2 = np.sign(np.take_along_axis(first_2H, np.abs(first_2H).argmax(axis=1)[:, None], axis=1))
    total = float((sizes**2).sum())
    share = float((sizes[:2] ** 2).sum()) / total if total > 0 else 0.0
    points_N2 = centred_NH @ (first_2H * signs_2).T
    return np.where(np.abs(points_N2) < 1e-12, 0.0, points_N2), share


def neighbours(vectors_NH: Floats) -> npt.NDArray[np.float64]:
    """t-SNE (N, 2) of at least FEWEST vectors, initialised by principal components, in one thread for equal sums."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(vectors_NH) - 1) / 3)
    with threadpool_limits(1):
        embedding = TSNE(init="pca", perplexity=perplexity, max_iter=_ROUNDS, random_state=0)
        return np.asarray(embedding.fit_transform(vectors_NH.astype(np.float64)), np.float64)


def share_between(vectors_NH: Floats, class_N: npt.NDArray[np.int64]) -> float:
    """The share of the variance that lies between the means of the classes: 1 if each class is one point.

    >>> share_between(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([3, 3, 5, 5]))
    1.0
    """
    centred_NH = vectors_NH.astype(np.float64) - vectors_NH.mean(axis=0, dtype=np.float64)
    total = float((centred_NH**2).sum())
    between = 0.0
    for class_id in np.unique(class_N):
        class_NH = centred_NH[class_N == class_id]
        between += len(class_NH) * float((class_NH.mean(axis=0) ** 2).sum())
    return between / total if total > 0 else 0.0
