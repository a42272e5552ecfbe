"""ResT: frames -> visual tokens -> [CLS] and words -> a class, the hidden words, and the clip's representation.

x_NTCHW -> FrameEncoder -> token_NSD -> Transformer or Recurrent -> LN -> visual_ND -> class head
                                        words with some masked  ->        word_NWD  -> word head
"""

# Shapes: N clips, T frames, C = 3 colours, H x W pixels, S visual tokens, D size of a token, W words, K classes,
# V words of the vocabulary, L = 1 + S + W.
from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor, nn

from pipeline.core.errors import DataError
from pipeline.models.rest.e2e import E2EParams
from pipeline.models.rest.frames import FrameEncoder
from pipeline.models.rest.inputs import ModelSizes, VisualTokens
from pipeline.models.rest.recurrent import Recurrent, RecurrentParams
from pipeline.models.rest.transformer import Transformer, TransformerParams

RestParams = TransformerParams | RecurrentParams
ModelParams = Annotated[TransformerParams | RecurrentParams | E2EParams, Field(discriminator="kind")]
Batch = dict[str, Tensor]


class Output(NamedTuple):
    """The output for a batch; logits are None where the model has no such head or the batch no words."""

    class_logit_NK: Tensor | None
    word_logit_NWV: Tensor | None
    visual_ND: Tensor


class Rest(nn.Module):
    """ResT, or its two-stream variants. A batch holds

    - `x`: uint8 frames (N, T, C, H, W), or tokens where `frames` is None (N, S, D);
    - `known` (N, S), where clips have different numbers of tokens, and `place` (N, S, 7) of regions;
    - `words` (N, W): the class name's words, some of them masked (`tokens.mask_words`), where words are trained.
    """

    def __init__(self, params: RestParams, frames: FrameEncoder | None, sizes: ModelSizes) -> None:
        super().__init__()
        if frames is not None and frames.dim != sizes.token_dim:
            raise DataError(f"rest: the frame encoder gives {frames.dim} numbers a token, sizes say {sizes.token_dim}")
        self.sizes, self.frames = sizes, frames
        self.trunk: Transformer | Recurrent
        if isinstance(params, TransformerParams):
            self.trunk = Transformer(params, sizes)
        else:
            self.trunk = Recurrent(params, sizes)
        self.dim = params.dim
        learns_classes = sizes.num_classes is not None
        self.norm = nn.LayerNorm(self.dim, elementwise_affine=learns_classes)  # equation 9
        self.classes = _head(self.dim, sizes.num_classes) if sizes.num_classes is not None else None
        self.words = _head(self.dim, sizes.num_words) if sizes.num_words is not None else None

    def forward(self, batch: Batch) -> Output:
        """Logits of the classes and of the words at every place, and the clip's representation."""
        cls_ND, word_NWD = self.trunk(self._seen(batch), batch.get("words"))
        visual_ND = self.norm(cls_ND)
        class_logit_NK = None if self.classes is None else self.classes(visual_ND)
        word_logit_NWV = None if self.words is None or word_NWD is None else self.words(word_NWD)
        return Output(class_logit_NK, word_logit_NWV, visual_ND)

    def represent(self, batch: Batch) -> Tensor:
        """visual_ND of clips without a class name."""
        visual_ND: Tensor = self.norm(self.trunk.represent(self._seen(batch)))
        return visual_ND

    @property
    def attends(self) -> bool:
        """Whether the model has attention weights."""
        return isinstance(self.trunk, Transformer)

    def attention(self, batch: Batch) -> list[Tensor]:
        """weight_NHLL of every layer of the transformer. DataError for a model without attention."""
        if not isinstance(self.trunk, Transformer):
            raise DataError("rest: a recurrent model has no attention to show")
        return self.trunk.attention(self._seen(batch), batch.get("words"))

    def _seen(self, batch: Batch) -> VisualTokens:
        token_NSD = batch["x"] if self.frames is None else self.frames(batch["x"])
        return VisualTokens.of(token_NSD, batch, self.sizes)


def _head(dim: int, num: int) -> nn.Module:
    """An MLP with one hidden layer."""
    return nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, num))
