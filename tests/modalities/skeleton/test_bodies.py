"""What all networks of skeletons do with bodies, layouts and numbers of frames; streams of them too."""

import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.core.joints import LAYOUTS, NTU25
from pipeline.modalities import skeleton
from tests.contracts.test_encoders import SAMPLES, WITHOUT_WEIGHTS

NETWORKS = sorted(name for sense, name in SAMPLES if sense == "skeleton" and (sense, name) not in WITHOUT_WEIGHTS)
SLOTTED = [name for name in NETWORKS if "num_slots" in SAMPLES["skeleton", name][0]]


def encoder(name, layout="ntu25", **changes):
    torch.manual_seed(0)
    return skeleton.build(name, SAMPLES["skeleton", name][0] | changes, layout, "here").eval()


def clips(num=2, frames=6, joints=NTU25.num_joints, bodies=2):
    return torch.randn(num, 3, frames, joints, bodies, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("frames", [1, 6, 7])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_layout_and_number_of_frames_goes_through(name, layout, frames):
    model, joints = encoder(name, layout), LAYOUTS[layout].num_joints
    with torch.no_grad():
        found, tokens = model.with_tokens(clips(frames=frames, joints=joints))
    assert found.shape == (2, model.dim)
    assert found.isfinite().all()
    assert tokens.shape == (2, -(-frames // 4), joints, model.dim)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_clip_without_a_body_is_0_and_changes_no_other(name):
    model, x = encoder(name), clips()
    with torch.no_grad():
        expected = model(x[:1])
        x[1] = 0
        found, tokens = model.with_tokens(x)
        alone, no_tokens = model.with_tokens(x[1:])
    assert torch.allclose(found[:1], expected, atol=1e-6)
    assert not found[1].any()
    assert torch.equal(alone, found[1:])
    assert torch.equal(no_tokens, tokens[1:])


@pytest.mark.parametrize("name", NETWORKS)
def test_an_absent_body_changes_nothing(name):
    model, x = encoder(name), clips(bodies=1)
    beside = torch.cat([x, torch.zeros_like(x)], dim=-1)
    assert torch.allclose(model(x), model(beside), atol=1e-6)
    assert not torch.allclose(model(x), model(torch.cat([x, 2 * x], dim=-1)), atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_leaves_vectors_as_they_are_but_for_rounding(name):
    model, x = encoder(name), clips()
    x[1, ..., 1] = 0  # slots of other sizes
    with torch.no_grad():
        full = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = model(x)
        throughout = model.bfloat16()(x.bfloat16())
    assert throughout.dtype == torch.bfloat16
    for found in (rounded, throughout):
        assert not torch.equal(full, found.float())
        assert torch.cosine_similarity(full, found.float()).min() > 0.99


@pytest.mark.parametrize("name", SLOTTED)
def test_the_first_and_the_second_body_are_normalised_apart(name):
    model = encoder(name).train()
    model(clips(8) + torch.tensor([0.0, 5.0]))
    first, second = (norm.running_mean.mean().item() for norm in model.normalise)
    assert first == pytest.approx(0, abs=0.1)
    assert second == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("name", SLOTTED)
def test_more_bodies_than_slots_are_refused(name):
    with pytest.raises(DataError, match=r"clips of 2 bodies, but the encoder normalises 1: set num_slots"):
        encoder(name, num_slots=1)(clips())
