"""Three ways from clips to classes, each a matrix of scores (higher is surer).

Shapes: N clips, S seen classes, C candidate classes, D size of a label vector, F size of a feature.
"""

import numpy as np

from pipeline.transfer.relatedness import Floats


def visual_prototypes(clips_NF: Floats, prototypes_CF: Floats) -> Floats:
    """Cosines (N, C) of clips with class prototypes (ResT 3.3.2); rows have length 1."""
    return np.asarray(clips_NF @ prototypes_CF.T, dtype=np.float32)


def seen_label_then_text(clips_NF: Floats, seen_SF: Floats, seen_SD: Floats, text_CD: Floats) -> Floats:
    """Cosine of each class label with the label of the seen class nearest to the clip (ResT Table 3b, Table 5 "S")."""
    nearest_N = (clips_NF @ seen_SF.T).argmax(axis=1)
    return np.asarray(seen_SD[nearest_N] @ text_CD.T, dtype=np.float32)


def reverse_transfer(
    clips_NF: Floats, seen_SF: Floats, seen_SD: Floats, text_CD: Floats, *, num_neighbours: int | None
) -> Floats:
    """Cosine of each class label with a label vector composed for the clip (ResT Table 8, first row).

    The clip's vector is the mean of the labels of its nearest seen prototypes, weighted by their positive cosines as
    in equation 6. A clip without a positive cosine takes the label of the nearest.
    """
    related_NS = clips_NF @ seen_SF.T
    order_NS = np.argsort(-related_NS, axis=1, kind="stable")[:, :num_neighbours]
    near_NK = np.take_along_axis(related_NS, order_NS, axis=1)
    weight_NK = np.maximum(near_NK, 0)
    weight_NK[weight_NK.sum(axis=1) == 0, 0] = 1
    text_ND = np.einsum("nk,nkd->nd", weight_NK, seen_SD[order_NS])
    length_N1 = np.linalg.norm(text_ND, axis=1, keepdims=True)
    return np.asarray((text_ND / np.maximum(length_N1, 1e-12)) @ text_CD.T, dtype=np.float32)
