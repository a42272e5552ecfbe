"""An encoder with a map behind it keeps the contract of the encoder."""

import numpy as np
import torch
from torch import nn

from pipeline.models.encoder import PictureEncoder, encoder_of
from pipeline.models.mapped import MappedEncoder, with_kept_map


class Tokens(nn.Module):
    dim, parts = 3, {"frames": 2}

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def with_tokens(self, x_NTJC: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = self.layer(x_NTJC)
        return tokens.mean(dim=(1, 2)), tokens

    def forward(self, x_NTJC: torch.Tensor) -> torch.Tensor:
        return self.with_tokens(x_NTJC)[0]


class Places(Tokens):
    stride = (1, 2, 3)

    def places(self, x_NTJC: torch.Tensor) -> torch.Tensor:
        return x_NTJC


def test_vectors_and_tokens_go_through_the_map_and_stay_mean_and_parts() -> None:
    torch.manual_seed(0)
    encoder = MappedEncoder(Tokens(), 5).eval()
    x_NTJC = torch.randn(4, 6, 7, 2)
    mapped_NT, tokens = encoder.with_tokens(x_NTJC)
    assert (encoder_of(encoder).dim, encoder.parts, tokens.shape) == (5, {"frames": 2}, (4, 6, 7, 5))
    weights = {name: value.double().detach().numpy() for name, value in encoder.state_dict().items()}
    feature_ND = x_NTJC.double().numpy() @ weights["encoder.layer.weight"].T + weights["encoder.layer.bias"]
    expected_NT = feature_ND.mean(axis=(1, 2)) @ weights["map.weight"].T + weights["map.bias"]
    for found in (mapped_NT, encoder(x_NTJC), tokens.mean(dim=(1, 2))):
        np.testing.assert_allclose(found.detach().numpy(), expected_NT, atol=1e-5)


def test_a_picture_encoder_keeps_its_last_map() -> None:
    found = MappedEncoder(Places(), 5)
    assert isinstance(found, PictureEncoder)
    assert found.stride == (1, 2, 3)
    assert found.places(torch.ones(1)) == 1
    assert not isinstance(MappedEncoder(Tokens(), 5), PictureEncoder)


def test_metadata_tell_whether_there_is_a_map() -> None:
    encoder = Tokens()
    assert with_kept_map(encoder, {"encoder": "tokens"}) is encoder
    again = with_kept_map(encoder, {"text_space": {"dim": 4}})
    assert isinstance(again, MappedEncoder)
    assert (again.dim, again.map.out_features) == (4, 4)
