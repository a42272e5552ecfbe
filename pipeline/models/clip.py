"""CLIP: pictures and texts as vectors of one space (Radford et al. 2021), over any model of open_clip.

One module for training and inference: `images`, `clips` and `texts` keep gradients; `image_vectors` and `text_vectors`
give unit vectors in eval mode.
"""

# Shapes: N pictures, clips or texts, T frames, C = 3 colours, H x W pixels, L tokens, D size of a vector.
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from pipeline.core import pictures
from pipeline.core.errors import FormatError
from pipeline.core.pairs import Picture, Vectors
from pipeline.core.seeds import derived_seed
from pipeline.models import checkpoint, open_clips
from pipeline.models.open_clips import Architecture
from pipeline.models.tokenizer import Tokenizer

# How the frames of a clip become one vector: `mean_unit`, the mean of their unit vectors; `mean`, the direction of the
# mean of their vectors, in which frames with long vectors weigh more; `central`, the mean of unit vectors weighted by
# their nearness to the clip's mean direction, in which outlying frames weigh less.
Pooling = Literal["mean_unit", "mean", "central"]

AGREEMENT = 10.0  # of `central`: a cosine lower by .1 means a weight lower by the factor 1/e
_BATCH = 64  # pictures or texts at once, in inference


class Clip(nn.Module):
    """A model of open_clip with its tokenizer and the colours that it was trained with.

    `pretrained` is the tag or file of web-scale weights that it started from, whose training data are not known.
    """

    mean_C: Tensor
    deviation_C: Tensor

    def __init__(self, architecture: Architecture, model: Any, pretrained: str | None) -> None:
        super().__init__()
        self.architecture, self.pretrained = architecture, pretrained
        self.model = model
        size = model.visual.image_size
        self.height, self.width = (size, size) if isinstance(size, int) else (int(side) for side in size)
        self.context_length = int(model.context_length)
        own_tokenizer = open_clips.own_tokenizer(architecture)
        assert own_tokenizer or isinstance(architecture, str)
        self.tokenizer = Tokenizer(None if own_tokenizer else str(architecture), self.context_length)
        self._trims = own_tokenizer and _is_causal(model)
        self.register_buffer("mean_C", torch.tensor(model.visual.image_mean))
        self.register_buffer("deviation_C", torch.tensor(model.visual.image_std))
        self.dim = int(open_clips.configuration(architecture)["embed_dim"])

    @property
    def scale(self) -> Tensor:
        """The factor of cosines in the contrastive loss."""
        scale: Tensor = self.model.logit_scale.exp()
        return scale

    def checkpoint_gradients(self, on: bool) -> None:
        """Recompute activations in the backward pass, which saves memory and takes time, or keep them."""
        self.model.set_grad_checkpointing(on)

    def prepare(self, frames_NTHWC: Tensor) -> Tensor:
        """x_NTCHW of uint8 frames of the model's size, on the module's device."""
        x_NTHWC = frames_NTHWC.to(self.mean_C.device).float() / 255
        return ((x_NTHWC - self.mean_C) / self.deviation_C).movedim(-1, -3)

    def images(self, x_NCHW: Tensor) -> Tensor:
        """vector_ND of prepared pictures, of any length."""
        vector_ND: Tensor = self.model.encode_image(x_NCHW)
        return vector_ND

    def clips(self, x_NTCHW: Tensor, pooling: Pooling) -> Tensor:
        """vector_ND of prepared clips: the mean of `frames`."""
        return self.frames(x_NTCHW, pooling).mean(dim=1)

    def frames(self, x_NTCHW: Tensor, pooling: Pooling) -> Tensor:
        """token_NTD of prepared clips, whose mean over the frames is the clip's vector."""
        vector_MD = self.images(x_NTCHW.flatten(0, 1))
        return weighed(vector_MD.reshape(*x_NTCHW.shape[:2], -1), pooling)

    def texts(self, token_NL: Tensor) -> Tensor:
        """vector_ND of tokenized texts, of any length.

        With causal attention the columns behind the longest text change nothing and are left out.
        """
        vector_ND: Tensor
        if self._trims:
            used_L = token_NL.ne(0).any(dim=0).nonzero()
            length = int(used_L[-1]) + 1 if len(used_L) else 1
            mask_LL = self.model.text.attn_mask[:length, :length]
            vector_ND = functional_call(self.model.text, {"attn_mask": mask_LL}, (token_NL[:, :length],))
        else:
            vector_ND = self.model.encode_text(token_NL)
        return vector_ND

    def image_vectors(self, pictures_: Sequence[Picture]) -> Vectors:
        """Unit vectors (N, D) of the middle of pictures of any size."""
        vectors = []
        for start in range(0, len(pictures_), _BATCH):
            batch = [pictures.middle(picture, self.height, self.width) for picture in pictures_[start : start + _BATCH]]
            with self._resting():
                x_NTCHW = self.prepare(torch.from_numpy(np.stack(batch)[:, None]))
                vectors.append(_unit(self.images(x_NTCHW[:, 0])))
        return np.concatenate([np.empty((0, self.dim), np.float32), *vectors])

    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (N, D) of texts of any length; of a text that is too long, the mean direction of its pieces.

        `tokenizer.num_cut` counts such texts.
        """
        pieces = [self.tokenizer.pieces(text) for text in texts]
        flat = [piece for pieces_of_text in pieces for piece in pieces_of_text]
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(flat), _BATCH):
            token_NL = torch.from_numpy(self.tokenizer(flat[start : start + _BATCH]))
            with self._resting():
                parts.append(_unit(self.texts(token_NL.to(self.mean_C.device))))
        vectors_PD = np.concatenate(parts)
        of_text = np.repeat(np.arange(len(texts)), [len(pieces_of_text) for pieces_of_text in pieces])
        sums_ND = np.zeros((len(texts), self.dim))
        np.add.at(sums_ND, of_text, vectors_PD)
        vectors_ND: Vectors = (sums_ND / np.linalg.norm(sums_ND, axis=1, keepdims=True)).astype(np.float32)
        return vectors_ND

    @contextmanager
    def _resting(self) -> Iterator[None]:
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            for module, mode in modes:
                module.training = mode


def weighed(frame_NTD: Tensor, pooling: Pooling) -> Tensor:
    """token_NTD whose mean over the frames is the clip's vector."""
    if pooling == "mean":
        mean_N1D: Tensor = frame_NTD.mean(dim=1, keepdim=True)
        token_NTD: Tensor = frame_NTD / torch.linalg.vector_norm(mean_N1D, dim=-1, keepdim=True)
        return token_NTD
    unit_NTD = functional.normalize(frame_NTD, dim=-1)
    if pooling == "mean_unit":
        return unit_NTD
    middle_ND1 = functional.normalize(unit_NTD.mean(dim=1), dim=-1)[:, :, None]
    return unit_NTD * (AGREEMENT * unit_NTD @ middle_ND1).softmax(dim=1) * frame_NTD.shape[1]


def start(path: Path, seed: int = 0) -> Clip:
    """The model that a start file (JSON) names, or the weights of a seed in the folder of a row of finetune.

    For a start file without weights, they are drawn from the seed. The model is in eval mode, with gradients.
    """
    if path.is_dir():
        return load(path, seed)[0]
    start_file = open_clips.read_start(path)
    weights = open_clips.weights_file(start_file)
    clip = _drawn(start_file.architecture, seed, start_file.origin, start_file.pretrained)
    if weights is not None:
        open_clips.fill(clip.model, weights)
    return clip


def scale(path: Path, seed: int = 0) -> float:
    """The `scale` of the model that `start` gives; for a row of finetune, without building the model."""
    if not path.is_dir():
        return float(start(path, seed).scale.detach())
    return float(checkpoint.tensor(open_clips.weights_of(path, seed), "model.logit_scale", "finetune").exp())


def load(folder: Path, seed: int) -> tuple[Clip, dict[str, Any]]:
    """The weights of a seed, `<seed>.safetensors` in the folder of a row of finetune, and their metadata.

    FormatError for a file that finetune did not write, or that does not fit its architecture.
    """
    file = open_clips.weights_of(folder, seed)
    state, metadata = checkpoint.load(file, made_by="finetune")
    architecture = metadata.get("architecture")
    if not isinstance(architecture, str | dict):
        raise FormatError(
            f"{file}: metadata name no architecture, so these are no weights of CLIP; run `dvc repro finetune`"
        )
    clip = _drawn(architecture, seed, metadata.get("pretrained"))
    checkpoint.restore(clip, state, file)
    return clip.requires_grad_(True), metadata


def save(path: Path, clip: Clip, metadata: dict[str, Any]) -> None:
    """Write weights that `load` reads, with `metadata` (any JSON object), their architecture and starting weights."""
    checkpoint.save(path, clip, {**metadata, "architecture": clip.architecture, "pretrained": clip.pretrained})


def _drawn(architecture: Architecture, seed: int, pretrained: str | None, tag: str | None = None) -> Clip:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, "clip"))
        model = open_clips.build(architecture, tag)
        if open_clips.own_tokenizer(architecture):
            open_clips.check_vocabulary(architecture)
        return Clip(architecture, model, pretrained).eval()


def _is_causal(model: Any) -> bool:
    """Whether attention is causal and a text's vector does not depend on padding."""
    from open_clip.transformer import TextTransformer

    tower = getattr(model, "text", None)
    return (
        isinstance(tower, TextTransformer)
        and tower.attn_mask is not None
        and tower.cls_emb is None
        and tower.pool_type in ("argmax", "eos", "first")
        and not tower.output_tokens
    )


def _unit(vector_ND: Tensor) -> Vectors:
    unit_ND: Vectors = functional.normalize(vector_ND.float(), dim=-1).cpu().numpy()
    return unit_ND
