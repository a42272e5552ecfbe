"""Planes of the vectors that a method gives to clips and to the texts of their classes."""

# Shapes: N clips, K classes, H size of a vector, 2 = x y.
from collections.abc import Sequence

import numpy as np

from pipeline.core import pages
from pipeline.core.seeds import generator
from pipeline.reporting import projections
from pipeline.reporting.explained_arrays import Explained, Floats, Places

PLANE = "Plane of the vectors of clips"  # row_charts finds the plane by this title
_MAX_CLASSES = 6  # in the plane, as in DVTA Fig. 4
_MAX_NEIGHBOURS = 12  # classes of t-SNE, whose colours and shapes an eye can tell apart
_MAX_CLIPS = 300


def plane(explained: Explained) -> list[pages.Cloud]:
    """Principal components of the clips of a few classes: the same classes in all rows of a split."""
    columns = _columns(explained, _MAX_CLASSES)
    rows_N = explained.drawn("plane", _MAX_CLIPS, columns)
    if explained.vectors_NH is None or min(len(rows_N), explained.vectors_NH.shape[1]) < 2:
        return []
    vectors_NH = explained.vectors_NH[rows_N]
    points_N2, share = projections.principal(vectors_NH)
    between = projections.share_between(vectors_NH, explained.truth_N[rows_N])
    note = (
        f"Principal components of {len(rows_N)} clips of {len(columns)} unseen classes of split {explained.split}, "
        f"seed {explained.seed}, coloured by what they show; the plane holds {100 * share:.0f} % of their variance. Of "
        f"all their variance {100 * between:.0f} % lies between the classes."
    )
    return [pages.Cloud(title=PLANE, note=note, series=_series(explained, columns, rows_N, points_N2))]


def neighbours(explained: Explained) -> list[pages.Cloud]:
    """t-SNE of the clips, and of the texts of their classes as anchors."""
    columns = _columns(explained, _MAX_NEIGHBOURS)
    rows_N = explained.drawn("neighbours", _MAX_CLIPS, columns)
    if explained.vectors_NH is None or min(len(rows_N) - projections.FEWEST, explained.vectors_NH.shape[1] - 2) < 0:
        return []
    vectors = [explained.vectors_NH[rows_N]]
    if explained.text_vectors_KH is not None:
        vectors.append(explained.text_vectors_KH[columns])
    points = projections.neighbours(unit(np.concatenate(vectors)))
    clips_N2, texts_K2 = points[: len(rows_N)], points[len(rows_N) :]
    anchors = [
        _dots(explained.names[column], texts_K2[[place]], anchor=True)
        for place, column in enumerate(columns[: len(texts_K2)])
    ]
    note = (
        f"{len(rows_N)} clips of {len(columns)} unseen classes of split {explained.split}, seed {explained.seed}, "
        f"every vector of length one{'; the large marks are the texts of the classes' if anchors else ''}. "
        "Neighbours stay neighbours; distances between groups mean little."
    )
    title = "Neighbourhoods of clips and texts (t-SNE)" if anchors else "Neighbourhoods of clips (t-SNE)"
    return [pages.Cloud(title=title, note=note, series=[*_series(explained, columns, rows_N, clips_N2), *anchors])]


def unit(vectors: Floats) -> Floats:
    """Rows of length one; a row of zeros stays zero."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _columns(explained: Explained, max_classes: int) -> list[int]:
    """Columns of a few classes with clips, drawn by the split alone, so that all rows of a split show the same."""
    order = generator(0, "explained", "classes", explained.split).permutation(len(explained.names)).tolist()
    with_clips = set(explained.truth_N.tolist())
    return sorted([column for column in order if column in with_clips][:max_classes])


def _series(explained: Explained, columns: Sequence[int], rows_N: Places, points_N2: Floats) -> list[pages.Dots]:
    points_of = {column: points_N2[explained.truth_N[rows_N] == column] for column in columns}
    return [_dots(explained.names[column], points, anchor=False) for column, points in points_of.items() if len(points)]


def _dots(name: str, points_N2: Floats, *, anchor: bool) -> pages.Dots:
    x, y = np.round(points_N2.astype(np.float64), 4).T.tolist()
    return pages.Dots(name=name, x=x, y=y, anchor=anchor)
