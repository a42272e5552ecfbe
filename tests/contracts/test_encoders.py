"""What every encoder of every modality must do. They are found by folder; a new one needs a tiny sample below."""

import numpy as np
import pytest
import torch

from pipeline.core import members
from pipeline.core.errors import DataError
from pipeline.models import checkpoint, encoder_cost
from pipeline.models.bound import BoundEncoder
from pipeline.models.encoder import Encoder, PictureEncoder, WeightlessMember, encoder_of
from pipeline.models.mapped import MappedEncoder
from pipeline.training.determinism import deterministic
from pipeline.training.encoding import Batches, encode, frozen, outputs, refuse_empty

# Options of a small network, what it is built for, and the shape of a clip.
VIT = {
    "num_frames": 6,
    "height": 48,
    "width": 64,
    "sees": "both",
    "patch_frames": 2,
    "patch_height": 12,
    "patch_width": 16,
    "dim": 16,
    "num_blocks": 2,
    "num_heads": 2,
    "activation": "gelu",
    "first_norm": "patches",
    "pooling": "class",
    "drop_path": 0.5,
}
TOWER = {
    "embed_dim": 12,
    "vision_cfg": {"image_size": [48, 64], "patch_size": 16, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}
CLIP = {"architecture": TOWER, "pooling": "mean_unit"}
TEMPORAL = {"architecture": TOWER, "frames": "frozen", "num_frames": 6, "num_blocks": 2, "num_heads": 2}
SAMPLES = {
    ("skeleton", "ctr_gcn"): ({"num_slots": 2, "width": 8}, "kinect20", (3, 9, 20, 2)),
    ("skeleton", "kinematics"): ({}, "kinect20", (3, 9, 20, 2)),
    ("skeleton", "ms_g3d"): (
        {"bones": "layout", "num_slots": 2, "width": 6, "gcn_scales": 4, "g3d_scales": 3},
        "kinect20",
        (3, 9, 20, 2),
    ),
    ("skeleton", "mst_gcn"): ({"num_slots": 2, "width": 4}, "kinect20", (3, 9, 20, 2)),
    ("skeleton", "shift_gcn"): ({"num_slots": 2, "width": 8, "shift_gradient": "exact"}, "kinect20", (3, 9, 20, 2)),
    ("skeleton", "stgcn"): ({"graph": "paper", "plan": "reduced", "dropout": 0.5}, "kinect20", (3, 9, 20, 2)),
    ("skeleton", "streams"): (
        {"encoder": "ctr_gcn", "options": {"num_slots": 2, "width": 8}, "streams": ["joint", "bone_motion"]},
        "kinect20",
        (3, 9, 20, 2),
    ),
    ("depth", "r2plus1d"): ({"widths": [4, 8], "dropout": 0.5}, "depth_mm", (1, 6, 12, 16)),
    ("depth", "clip"): (CLIP, "depth_mm", (1, 6, 48, 64)),
    ("depth", "vit"): (VIT, "depth_mm", (1, 6, 48, 64)),
    ("thermal", "r2plus1d"): ({"widths": [4, 8], "dropout": 0.5}, "grey8", (1, 6, 12, 16)),
    ("thermal", "clip"): (CLIP, "grey8", (1, 6, 48, 64)),
    ("thermal", "vit"): (
        VIT | {"pooling": "mean", "first_norm": "tokens", "sees": "pictures"},
        "grey8",
        (1, 6, 48, 64),
    ),
    ("video", "clip"): (CLIP, "rgb", (3, 6, 48, 64)),
    ("video", "temporal"): (TEMPORAL, "rgb", (3, 6, 48, 64)),
    ("video", "framecnn"): ({"widths": [4, 8], "dim": 12, "dropout": 0.5}, "rgb", (3, 6, 12, 16)),
}
# Networks that see clips of no other size.
OF_ONE_SIZE = {(sense, name) for sense, name in SAMPLES if name in ("clip", "vit", "temporal")}
ENCODERS = [
    (modality, encoder)
    for modality in members.names("pipeline.modalities")
    for encoder in members.names(f"pipeline.modalities.{modality}")
]
WITHOUT_WEIGHTS = {("skeleton", "kinematics")}
OF_PICTURES = [name for name in ENCODERS if name[0] != "skeleton"]
LEARNING = [name for name in ENCODERS if name not in WITHOUT_WEIGHTS]
IDS = ["toy/a", "toy/b", "toy/c"]


def build(name, seed=0):
    options, layout, _ = SAMPLES[name]
    sense = members.load("pipeline.modalities", name[0])
    with deterministic(seed, 1):
        return sense.build(name[1], options, layout, "here")


def clips(name):
    return np.random.default_rng(0).normal(size=(3, *SAMPLES[name][2])).astype(np.float32)


class InMemory:
    """Clips that never were in a store."""

    def __init__(self, x, ids):
        self.x, self.ids = x, ids

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, rows):
        return self.x[rows]


def features(encoder, name, x, ids=IDS, batch_size=8):
    batches = Batches(batch_size=batch_size, num_threads=1)
    refuse_empty(members.load("pipeline.modalities", name[0]).is_empty, InMemory(x, ids), batches)
    return encode(encoder, InMemory(x, ids), batches)


def all_bytes(encoder, x, rows, batches):
    """What an encoder gives for some clips, in this order: vector, tokens and, of pictures, the map; and `encode`'s."""

    def compute(x_NCT):
        tensors = [encoder(x_NCT), *encoder.with_tokens(x_NCT)]
        return [*tensors, encoder.places(x_NCT)] if isinstance(encoder, PictureEncoder) else tensors

    with frozen(batches):
        found = dict(outputs(compute, ((row, x[row]) for row in rows)))
    pooled_ND = encode(encoder, InMemory(x[list(rows)], [str(row) for row in rows]), batches)
    assert all(
        pooled_D.tobytes() == found[row][0].numpy().tobytes() for row, pooled_D in zip(rows, pooled_ND, strict=True)
    )
    return {row: [tensor.numpy().tobytes() for tensor in tensors] for row, tensors in found.items()}


def restored(name, path, seed=0):
    checkpoint.save(path, build(name, seed), {})
    encoder = build(name, seed=99)
    checkpoint.restore(encoder, checkpoint.load(path)[0], path)
    return encoder


def test_every_encoder_has_a_sample():
    assert sorted(SAMPLES) == ENCODERS


def test_a_module_that_is_no_encoder_is_refused_with_what_it_lacks():
    module = torch.nn.Linear(2, 3)
    module.dim = 3
    with pytest.raises(TypeError, match=r"its Encoder lacks \['parts', 'with_tokens'\]"):
        encoder_of(module)


@pytest.mark.parametrize("name", ENCODERS, ids="-".join)
class TestEncoder:
    def test_it_keeps_the_contract(self, name):
        encoder = build(name)
        assert isinstance(encoder, torch.nn.Module)
        assert isinstance(encoder, Encoder)
        assert encoder_of(encoder) is encoder
        assert isinstance(encoder.dim, int)
        assert all(2 <= axis <= len(SAMPLES[name][2]) for axis in encoder.parts.values())
        assert isinstance(encoder, PictureEncoder) == (name[0] != "skeleton")

    def test_a_clip_alone_equals_the_clip_in_a_batch(self, name, tmp_path):
        encoder, x = restored(name, tmp_path / "w"), clips(name)
        together = features(encoder, name, x)
        assert together.shape == (3, encoder.dim)
        alone = np.concatenate([features(encoder, name, x[i : i + 1], IDS[i : i + 1]) for i in range(3)])
        assert np.allclose(alone, together, rtol=1e-5, atol=1e-6)
        assert not np.allclose(together[0], together[1], rtol=1e-3)

    @pytest.mark.parametrize("num_threads", [1, 2])
    def test_a_clips_bytes_are_the_same_at_every_place_and_beside_any_others(self, name, num_threads, tmp_path):
        """So a vector that was kept can stand beside new ones, and one clip has one vector everywhere."""
        encoder = restored(name, tmp_path / "w")
        x = np.random.default_rng(0).normal(size=(7, *SAMPLES[name][2])).astype(np.float32)
        x[::3, ..., 1] = 0  # of a skeleton the second body
        batches = Batches(batch_size=3, num_threads=num_threads)
        for wrapped in (encoder, BoundEncoder(MappedEncoder(encoder, 5), 4).eval()):
            together = all_bytes(wrapped, x, range(7), batches)
            assert all_bytes(wrapped, x, range(6, -1, -1), batches) == together
            assert all_bytes(wrapped, x, [5, 0, 6, 2], batches) == {i: together[i] for i in (0, 2, 5, 6)}
            for alone in (3, 4):
                assert all_bytes(wrapped, x, [alone], batches) == {alone: together[alone]}

    def test_a_vector_is_the_mean_of_its_tokens(self, name, tmp_path):
        encoder, x = restored(name, tmp_path / "w"), clips(name)
        x[1, ..., 1] = 0  # of a skeleton the second body
        with torch.inference_mode():
            pooled, tokens = encoder.eval().with_tokens(torch.from_numpy(x))
            assert torch.equal(pooled, encoder(torch.from_numpy(x)))
        assert tokens.shape[0] == 3
        assert tokens.shape[-1] == encoder.dim
        assert tokens[0].numel() > encoder.dim
        assert np.allclose(tokens.double().flatten(1, -2).mean(1), pooled, rtol=1e-5, atol=1e-6)

    def test_hiding_a_part_changes_the_vector(self, name):
        encoder, x = build(name).eval(), clips(name)
        assert "frames" in encoder.parts
        for axis in encoder.parts.values():
            hidden = x.copy()
            np.moveaxis(hidden, axis, 0)[1:5] = 0  # of the skeleton the trunk and a shoulder
            assert not np.allclose(features(encoder, name, x), features(encoder, name, hidden), rtol=1e-3)

    def test_no_gradient_leaves_the_frozen_encoder(self, name, tmp_path):
        encoder = restored(name, tmp_path / "w")
        assert not encoder(torch.from_numpy(clips(name))).requires_grad

    def test_encoding_leaves_the_weights_as_they_are(self, name, tmp_path):
        encoder = restored(name, tmp_path / "w")
        before = {key: value.clone() for key, value in encoder.state_dict().items()}
        features(encoder, name, clips(name))
        assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())

    def test_an_empty_clip_is_refused_by_name(self, name, tmp_path):
        x = clips(name)
        x[1] = 0
        with pytest.raises(DataError, match="toy/b: empty"):
            features(restored(name, tmp_path / "w"), name, x)


@pytest.mark.parametrize("name", OF_PICTURES, ids="-".join)
class TestEncoderOfPictures:
    def test_a_map_of_places_keeps_their_order(self, name):
        encoder, x = build(name).eval(), clips(name)
        left = x.copy()
        left[..., : x.shape[-1] // 4] += 3  # every frame alike, so nothing but the picture's left side changes
        with torch.inference_mode():
            change = (encoder.places(torch.from_numpy(left)) - encoder.places(torch.from_numpy(x))).abs()
        assert change.dim() == 5
        assert change[..., 0].mean() > 2 * change[..., -1].mean()

    def test_a_cell_of_the_map_looks_at_the_middle_that_its_stride_says(self, name):
        """The middle of what a cell depends on, over several draws of the weights, in frames, rows and columns."""
        middles = []
        size = SAMPLES[name][2][1:] if name in OF_ONE_SIZE else (17, 49, 65)
        for seed in range(6):
            encoder = build(name, seed).eval()
            shape = (1, SAMPLES[name][2][0], *size)
            x = torch.rand(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()
            cell = tuple(length // stride // 2 for length, stride in zip(size, encoder.stride, strict=True))
            encoder.places(x)[(0, slice(None), *cell)].square().sum().backward()
            weight_THW = x.grad[0].abs().sum(0)
            weight_THW = weight_THW * (weight_THW > 0.1 * weight_THW.max())  # the clip's mean frame is everywhere
            if not weight_THW.any():  # a cell that is 0 depends on nothing
                continue
            where = torch.stack(torch.meshgrid(*(torch.arange(n).float() for n in size), indexing="ij"))
            middles.append((where * weight_THW).flatten(1).sum(1) / weight_THW.sum())
        assert len(middles) >= 3
        expected = [index * stride for index, stride in zip(cell, encoder.stride, strict=True)]
        away = torch.stack(middles).mean(0) - torch.tensor(expected)
        assert (away[1:].abs() < 0.3 * encoder.stride[1]).all()
        assert away[0].abs() < 0.75


@pytest.mark.parametrize("name", LEARNING, ids="-".join)
class TestEncoderThatLearns:
    def test_all_that_learns_has_a_part_in_the_vector(self, name):
        """Several devices wait for the gradient of every weight."""
        encoder = build(name).train()
        encoder(torch.from_numpy(clips(name))).square().sum().backward()
        assert [
            part for part, weight in encoder.named_parameters() if weight.requires_grad and weight.grad is None
        ] == []

    def test_the_same_seed_gives_the_same_bytes(self, name, tmp_path):
        for file, seed in (("a", 1), ("b", 1), ("c", 2)):
            checkpoint.save(tmp_path / file, build(name, seed), {})
        first, same, other = ((tmp_path / file).read_bytes() for file in "abc")
        assert first == same != other


@pytest.mark.parametrize("name", sorted(WITHOUT_WEIGHTS), ids="-".join)
def test_an_encoder_without_weights_has_none_and_says_what_it_measures(name):
    assert build(name).state_dict() == {}
    assert isinstance(members.load(f"pipeline.modalities.{name[0]}", name[1]), WeightlessMember)


@pytest.mark.parametrize("name", LEARNING, ids="-".join)
def test_its_cost_is_counted_and_it_still_learns(name):
    encoder, x = build(name), torch.from_numpy(clips(name)[:1])
    cost = encoder_cost.of(encoder, x)
    assert cost.num_params == sum(weight.numel() for weight in encoder.parameters())
    assert cost.macs > 0
    encoder.train()(torch.cat([x, x + 1])).sum().backward()
    assert any(weight.grad is not None for weight in encoder.parameters())
