"""Sizes against a closed form, what each option does, and what the encoder refuses."""

import pytest
import torch

from pipeline.core import params as core_params
from pipeline.core.errors import DataError, ParamsError
from pipeline.models.vit import Encoder, Params

SMALL = {
    "num_frames": 4,
    "height": 12,
    "width": 16,
    "sees": "pictures",
    "patch_frames": 2,
    "patch_height": 4,
    "patch_width": 8,
    "dim": 8,
    "num_blocks": 2,
    "num_heads": 2,
    "activation": "gelu",
    "first_norm": "patches",
    "pooling": "class",
    "drop_path": 0.0,
}
PICTURE = {"num_frames": 1, "height": 224, "width": 224, "patch_frames": 1, "patch_height": 16, "patch_width": 16}


def encoder(**changes):
    torch.manual_seed(0)
    return Encoder(Params(**SMALL | changes), 1).eval()


@pytest.fixture
def clips():
    return torch.rand(3, 1, 4, 12, 16, generator=torch.Generator().manual_seed(0))


def found(network, x):
    with torch.no_grad():
        return network(x)


@pytest.mark.parametrize(
    ("dim", "num_blocks", "num_heads", "expected"), [(384, 12, 8, 21_469_440), (768, 12, 12, 85_406_208)]
)
def test_the_sizes_of_imagebind(dim, num_blocks, num_heads, expected):
    """Stem 16 x 16 D; class token D; 197 positions of D; two norms of 2 D; blocks of 12 D D + 13 D."""
    with torch.device("meta"):
        network = encoder(**PICTURE, dim=dim, num_blocks=num_blocks, num_heads=num_heads)
    counted = sum(weight.numel() for weight in network.parameters())
    closed = 256 * dim + dim + 197 * dim + 4 * dim + num_blocks * (12 * dim**2 + 13 * dim)
    assert counted == closed == expected


def test_a_patch_spans_frames_rows_and_columns(clips):
    """Before the blocks a pixel is in one token."""
    network = encoder(first_norm="tokens")
    entering = []
    network.blocks.register_forward_pre_hook(lambda _, given: entering.append(given[0]))
    moved = clips.clone()
    moved[:, :, 3, 5, 9] += 1  # patch 1 of 2 in time, 1 of 3 rows, 1 of 2 columns
    found(network, clips), found(network, moved)
    changed_L = (entering[0] != entering[1]).any(dim=(0, 2))
    assert torch.nonzero(changed_L).flatten().tolist() == [1 + (1 * 3 + 1) * 2 + 1]


@pytest.mark.parametrize("sees", ["pictures", "changes", "both"])
def test_a_room_that_stands_still_vanishes_from_changes_alone(clips, sees):
    room = torch.rand(1, 1, 1, 12, 16, generator=torch.Generator().manual_seed(1))
    alone, with_room = found(encoder(sees=sees), clips), found(encoder(sees=sees), clips + room)
    assert torch.allclose(alone, with_room, atol=1e-5) == (sees == "changes")


def test_both_are_pictures_and_their_changes_as_further_channels(clips):
    seen = encoder(sees="both")._seen(clips)
    assert torch.equal(seen[:, :1], encoder()._seen(clips))
    assert torch.equal(seen[:, 1:], clips - clips.mean(dim=2, keepdim=True))


@pytest.mark.parametrize(
    "changes", [{"activation": "quick_gelu"}, {"first_norm": "tokens"}, {"pooling": "mean"}, {"num_heads": 4}], ids=str
)
def test_every_choice_changes_the_vector(clips, changes):
    assert not torch.allclose(found(encoder(), clips), found(encoder(**changes), clips), atol=1e-4)


def test_the_class_token_or_the_mean_of_the_patches_is_the_vector(clips):
    for pooling in ("class", "mean"):
        network = encoder(pooling=pooling)
        with torch.no_grad():
            tokens_NLD = network._tokens(clips)
            feature_ND, tokens_NSGPD = network.with_tokens(clips)
        assert tokens_NSGPD.shape == (3, 2, 3, 2, 8)
        assert torch.equal(feature_ND, tokens_NLD[:, 0] if pooling == "class" else tokens_NLD[:, 1:].mean(dim=1))
        apart = tokens_NSGPD.flatten(1, 3) - tokens_NLD[:, 1:]
        assert torch.allclose(apart, apart[:, :1].expand_as(apart), atol=1e-5)  # moved alike


def test_paths_are_dropped_in_training_alone_and_more_of_them_further_on(clips):
    network = encoder(drop_path=0.5, num_blocks=3)
    assert [block.drop_path for block in network.blocks] == [0, 0.25, 0.5]
    assert torch.equal(found(network, clips), found(encoder(num_blocks=3), clips))
    assert not torch.equal(found(network.train(), clips), found(network, clips))


def test_the_order_of_frames_matters(clips):
    assert not torch.allclose(found(encoder(), clips), found(encoder(), clips.flip(2)), atol=1e-4)


@pytest.mark.parametrize("pooling", ["class", "mean"])
def test_every_weight_learns(clips, pooling):
    network = encoder(pooling=pooling).train()
    network(clips).square().sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_clips_of_another_size_are_refused(clips):
    for x in (clips[:, :, :2], clips[..., :8]):
        with pytest.raises(DataError, match="this encoder has positions for 4 x 12 x 16; set num_frames, height and"):
            encoder()(x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_frames": 5}, "num_frames 5 should be a multiple of patch_frames 2"),
        ({"height": 13}, "height 13 should be a multiple of patch_height 4"),
        ({"width": 12}, "width 12 should be a multiple of patch_width 8"),
        ({"num_heads": 3}, "dim 8 should be a multiple of num_heads 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ParamsError, match=message):
        core_params.parse(Params, SMALL | changes, "here")
