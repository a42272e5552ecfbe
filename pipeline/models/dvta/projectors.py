"""F_v and F_t of eq. 2: clips and texts into one space of the texts' size."""

# Shapes: B clips, D feature size, T text size, H shared size (= T).
from torch import Tensor, nn


class VisualProjector(nn.Module):
    """F_v of eq. 2, three hidden layers, the first beside a shortcut.

    The paper gives no widths, the released code 256, 384, 512, 768 for features of 256 and texts of 768 numbers. The
    rule for other sizes: two layers go a quarter and half the way from D to T, and the last the rest.
    """

    def __init__(self, feature_dim: int, text_dim: int) -> None:
        super().__init__()
        quarter, half = (round(feature_dim + share * (text_dim - feature_dim)) for share in (0.25, 0.5))
        self.residual = nn.Linear(feature_dim, feature_dim)
        self.rest = nn.Sequential(
            nn.ReLU(),
            nn.Linear(feature_dim, quarter),
            nn.ReLU(),
            nn.Linear(quarter, half),
            nn.ReLU(),
            nn.Linear(half, text_dim),
        )

    def forward(self, v_BD: Tensor) -> Tensor:
        """v_e (B, H)."""
        v_BH: Tensor = self.rest(v_BD + self.residual(v_BD))
        return v_BH


def visual(kind: str, feature_dim: int, text_dim: int) -> nn.Module:
    """A projector of clips: deep, or one linear layer."""
    return VisualProjector(feature_dim, text_dim) if kind == "deep" else nn.Linear(feature_dim, text_dim)


def text(kind: str, text_dim: int) -> nn.Module:
    """A projector of texts: one linear layer, or none."""
    return nn.Linear(text_dim, text_dim) if kind == "linear" else nn.Identity()
