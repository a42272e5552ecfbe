"""What the network sees, how far in time it looks, and what is left of frames and places."""

import pytest
import torch

from pipeline.models.r2plus1d import Encoder, Params


def encoder(*widths: int) -> Encoder:
    torch.manual_seed(0)
    return Encoder(Params(widths=list(widths), dropout=0.0), 1).eval()


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.rand(2, 1, 14, 16, 24, generator=torch.Generator().manual_seed(0))


def test_beside_each_frame_stands_its_difference_from_the_mean_frame(clips):
    network = encoder(4)
    found = []
    network.normalise.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    network(clips)
    (seen,) = found
    assert torch.equal(seen[:, :1], clips)
    assert torch.allclose(seen[:, 1:], clips - clips.mean(dim=2, keepdim=True))
    still = clips[:, :, :1].expand(-1, -1, 14, -1, -1)
    network(still)
    assert found[1][:, 1:].abs().max() < 1e-6


def test_every_stage_halves_the_picture_and_all_but_the_first_the_frames(clips):
    assert encoder(4).places(clips).shape == (2, 4, 14, 8, 12)
    assert encoder(4, 6).places(clips).shape == (2, 6, 7, 4, 6)
    assert encoder(4, 6, 8).places(clips).shape == (2, 8, 4, 2, 3)


def test_a_stage_looks_one_frame_back_and_one_ahead(clips):
    network = encoder(4)
    changed = clips.clone()
    changed[:, :, 3] += 0.5
    changed[:, :, 10] -= 0.5  # the mean frame stays
    away = (network.places(changed) - network.places(clips)).abs().amax(dim=(0, 1, 3, 4))
    assert torch.nonzero(away > 1e-4).flatten().tolist() == [2, 3, 4, 9, 10, 11]


def test_a_token_is_the_vector_of_its_frame_and_place(clips):
    network = encoder(4, 6)
    pooled, tokens_NSGPD = network.with_tokens(clips)
    assert tokens_NSGPD.shape == (2, 7, 4, 6, 6)
    assert torch.equal(tokens_NSGPD[1, 5, 3, 2], network.places(clips)[1, :, 5, 3, 2])
    assert torch.allclose(tokens_NSGPD.mean(dim=(1, 2, 3)), pooled, atol=1e-6)
    assert torch.equal(pooled, network(clips))
