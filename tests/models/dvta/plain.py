"""DVTA written down plainly, all pairs of a batch at once and nothing taken apart: what the fast form is held against.

From the paper's equations and the list of what the released code does otherwise; weights are those of our network.
"""

# Shapes: B clips, K classes, C columns (the clips of a batch in training, classes in scoring), S texts, H shared size.
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models.dvta.network import DVTA
from pipeline.models.dvta.params import DvtaParams

VARIANT = {
    "lr": 0.01,
    "weight_decay": 0.0,
    "batch_size": 4,
    "epochs": 3,
    "warmup_epochs": 0,
    "keep_every": 3,
    "texts": ["label", "context"],
    "centre": "none",
    "visual": "deep",
    "text": "linear",
    "sde": {"query": "clip", "keys": "projected", "measure": "product", "scale": "width"},
    "direct": True,
    "augmented": {"activation": "leaky_sigmoid", "gamma": 0.01, "detached": False},
    "temperature": {"start": 0.1, "shared": True, "positive": True},
    "combine": "probabilities",
    "loss": {"name": "kld", "target": "uniform", "directions": "sum"},
}
RELEASED = {
    "sde": {"query": "column", "keys": "raw", "measure": "product", "scale": 1.0},
    "augmented": {"activation": "leaky_sigmoid", "gamma": 0.01, "detached": True},
    "temperature": {"start": 0.1, "shared": False, "positive": False},
    "combine": "logits",
    "loss": {"name": "kld", "target": "softmax", "directions": "mean"},
    "warmup_epochs": 1,
}


def params_of(**changed: object) -> DvtaParams:
    return DvtaParams.model_validate(VARIANT | changed)


def logits(model: DVTA, params: DvtaParams, v_BD: Tensor, text_SBCT: Tensor, query_BCD: Tensor) -> list[Tensor]:
    """Of every pair (B, C): `text_SBCT` are its texts, `query_BCD` the clip that asks for their blend."""
    v_BCH = model.visual(v_BD)[:, None].expand(-1, text_SBCT.shape[2], -1)
    projected_SBCH = model.text(text_SBCT)
    if params.sde is None:
        text_BCH = projected_SBCH.mean(dim=0)
    else:
        key_SBCH = text_SBCT if params.sde.keys == "raw" else projected_SBCH
        query_BCH = model.visual(query_BCD)
        product_BCS = (query_BCH * key_SBCH).sum(dim=-1).permute(1, 2, 0)
        if params.sde.measure == "cosine":
            product_BCS = functional.cosine_similarity(query_BCH, key_SBCH, dim=-1).permute(1, 2, 0)
        scale = v_BCH.shape[-1] ** -0.5 if params.sde.scale == "width" else params.sde.scale
        weight_BCS = (product_BCS * scale).softmax(dim=-1)
        blend_SBCT = weight_BCS.permute(2, 0, 1)[..., None] * (
            text_SBCT if params.sde.keys == "raw" else projected_SBCH
        )
        text_BCH = model.text(blend_SBCT.sum(dim=0)) if params.sde.keys == "raw" else blend_SBCT.sum(dim=0)
    found = []
    if params.direct:
        found.append(functional.cosine_similarity(v_BCH, text_BCH, dim=-1))
    if params.augmented is not None and model.metric is not None:
        pair_BCG = torch.cat([v_BCH, text_BCH], dim=-1)
        pair_BCG = pair_BCG.detach() if params.augmented.detached else pair_BCG
        x_BC = model.metric.last(model.metric.second(model.metric.first(pair_BCG).relu()).relu()).squeeze(-1)
        if params.augmented.activation == "leaky_sigmoid":
            gamma = params.augmented.gamma
            x_BC = torch.where(x_BC > 0, x_BC.sigmoid(), gamma * (gamma * x_BC.clamp(max=0)).exp())
        elif params.augmented.activation == "sigmoid":
            x_BC = x_BC.sigmoid()
        found.append(x_BC)
    value = model.temperature.value
    temperatures = (value.exp() if params.temperature.positive else value).expand(len(found))
    return [x_BC / temperature for x_BC, temperature in zip(found, temperatures, strict=True)]


def probabilities(found: list[Tensor], params: DvtaParams, dim: int) -> Tensor:
    if params.combine == "logits":
        return sum(found).softmax(dim=dim)
    return sum(x_BC.softmax(dim=dim) for x_BC in found) / len(found)


def scores(model: DVTA, params: DvtaParams, v_BD: Tensor, text_SKT: Tensor) -> Tensor:
    """Probabilities (B, K)."""
    pairs = text_SKT[:, None].expand(-1, len(v_BD), -1, -1)
    queries_BKD = v_BD[:, None].expand(-1, text_SKT.shape[1], -1)
    return probabilities(logits(model, params, v_BD, pairs, queries_BKD), params, 1)


def loss(model: DVTA, params: DvtaParams, v_BD: Tensor, text_SKT: Tensor, label_B: Tensor) -> Tensor:
    """Of one batch, over all pairs of its clips (of clips and all classes for softmax_ce)."""
    if params.loss.name == "softmax_ce":
        p_BK = scores(model, params, v_BD, text_SKT)
        return functional.nll_loss(p_BK.log(), label_B)
    size = len(v_BD)
    text_SBBT = text_SKT[:, label_B][:, None].expand(-1, size, -1, -1)
    rows = v_BD[None] if params.by_column else v_BD[:, None]
    found = logits(model, params, v_BD, text_SBBT, rows.expand(size, size, -1))
    same_BB = (label_B[:, None] == label_B).to(v_BD.dtype)
    if params.loss.name == "info_nce":
        target_BB = torch.eye(size, dtype=v_BD.dtype)
    elif params.loss.target == "uniform":
        target_BB = same_BB / same_BB.sum(dim=1, keepdim=True)
    else:
        target_BB = (10 * same_BB).softmax(dim=1)
    to_texts = functional.kl_div(probabilities(found, params, 1).log(), target_BB, reduction="batchmean")
    to_clips = functional.kl_div(probabilities(found, params, 0).T.log(), target_BB, reduction="batchmean")
    return (to_texts + to_clips) / (2 if params.loss.directions == "mean" else 1)
