"""An encoder of a sense with a linear layer into the space of the hub's vectors."""

# Shapes: N clips, D size of the hub's vectors.
from collections.abc import Mapping

from torch import Tensor, nn

from pipeline.models.encoder import encoder_of


class BoundEncoder(nn.Module):
    """k = G(M) of Action-SGFA (section III-C): `encoder`, then a linear layer without bias. Keeps the encoder contract.

    Where hubs of several sizes are compared, only this layer differs. Its first weights are random, or the projection
    of the hub's picture tower if the encoder starts from that tower (training.starts).
    """

    def __init__(self, encoder: nn.Module, dim: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dim = dim
        self.projection = nn.Linear(encoder_of(encoder).dim, dim, bias=False)

    @property
    def parts(self) -> Mapping[str, int]:
        """What can be hidden of a clip: as for the encoder."""
        return encoder_of(self.encoder).parts

    def forward(self, x_NCT: Tensor) -> Tensor:
        """vector_ND, of any length."""
        vector_ND: Tensor = self.projection(self.encoder(x_NCT))
        return vector_ND

    def with_tokens(self, x_NCT: Tensor) -> tuple[Tensor, Tensor]:
        """The vector, and mapped tokens (N, ..., D) whose mean it is."""
        feature_ND, tokens = encoder_of(self.encoder).with_tokens(x_NCT)
        return self.projection(feature_ND), self.projection(tokens)
