"""DVTA: Dual Visual-Text Alignment (Kuang et al.), in every variant of docs/dvta.md.

As the paper states it, with three corrections to what it prints. Eq. 4 and 8: the denominators sum over all pairs
(v_i, t_j) of row i. Eq. 5 and 10: KL(target || prediction), the target being uniform over a row's positives; the other
way round it is infinite. Eq. 3: the query is the projected v_e. Switches lead from there to what the released code
does.
"""

# Shapes: B clips of a batch, N clips, D feature size, K classes, T text size, H shared size (= T),
# S texts of a class that SDE blends.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline.models import dense
from pipeline.models.arrays import as_array
from pipeline.models.dvta import cost, network
from pipeline.models.dvta.params import DvtaParams as Params
from pipeline.models.gradient_training import torch_seeded, train_epochs
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Need,
    Rows,
    mean_texts,
    stacked_texts,
    unit,
)

NEEDS: Need = "pooled"

PAIRS_IN_BLOCK = 1 << 16  # (clip, class) pairs whose scores and attention are made at once: bounds memory


@dataclass(frozen=True)
class DvtaScorer:
    """The trained networks, and the texts of classes beside them."""

    model: network.DVTA
    params: Params
    embedders: tuple[ClassEmbedder, ...]  # of each text of a class

    def texts(self, texts: ClassTexts) -> Tensor:
        """Unit vectors (S, K, T). Raises DataError where the texts of a class are of several sizes."""
        return torch.from_numpy(stacked_texts(self.embedders, texts, "dvta"))

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Probabilities over the given classes (N, K); SDE is run for every (clip, class) pair."""
        blocks, combine = self._blocks(features_ND, texts), self.params.combine
        return as_array(torch.cat([network.probabilities(self.model, combine, alignments) for alignments in blocks]))

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """Cosines, metrics and attention of every pair, where the variant has them, and unit vectors in one space."""
        blocks = list(self._blocks(features_ND, texts))
        parts = {
            "direct": [block.direct_BC for block in blocks],
            "augmented": [block.augmented_BC for block in blocks],
            "attention": [block.blend_BKS for block in blocks],
        }
        present = {name: [part for part in of_blocks if part is not None] for name, of_blocks in parts.items()}
        joined = {name: as_array(torch.cat(of_blocks)) for name, of_blocks in present.items() if of_blocks}
        with torch.no_grad():
            v_NH = self.model.visual(torch.from_numpy(unit(features_ND)))
            text_KH = self.model.texts(self.texts(texts)).text_SKH.mean(dim=0)
        return {**joined, "vectors": unit(as_array(v_NH)), "text_vectors": unit(as_array(text_KH))}

    def cost(self, num_classes: int) -> Cost:
        """Of the formulas as they are written down."""
        return Cost(dense.num_params(self.model), cost.macs(self.model, num_classes))

    def state_dict(self) -> dict[str, Any]:
        """The networks' weights, and the mean texts."""
        return {**self.model.state_dict(), **mean_texts(self.embedders)}

    def _blocks(self, features_ND: Array, texts: ClassTexts) -> Iterator[network.Alignments]:
        v_ND = torch.from_numpy(unit(features_ND))
        step = max(1, PAIRS_IN_BLOCK // len(texts.class_ids))
        with torch.no_grad():
            of_classes = self.model.texts(self.texts(texts))
            for start in range(0, len(v_ND), step):
                yield self.model(v_ND[start : start + step], of_classes)


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The model after each kept epoch. Raises DataError for a type of text that is not there."""
    seen = texts.of_clips(clips)
    embedders = tuple(ClassEmbedder.of(kind, params.centre, seen) for kind in params.texts)
    text_SKT = torch.from_numpy(stacked_texts(embedders, seen, "dvta"))
    v_ND, label_N = torch.from_numpy(unit(clips.features_ND)), torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "dvta"):
        model = network.DVTA(params, feature_dim=v_ND.shape[1], text_dim=text_SKT.shape[2])

    def loss_of(rows: Rows) -> Tensor:
        return network.batch_loss(model, params, v_ND[rows], text_SKT, label_N[rows])

    scorer = DvtaScorer(model, params, embedders)
    for setting, loss in train_epochs(model, loss_of, len(v_ND), params, seed):
        yield CandidateModel(setting, loss, scorer.scores, scorer, scorer.explained, scorer.cost)
