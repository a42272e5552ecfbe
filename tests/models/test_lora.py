"""What learns, what a low-rank change is, and that folding it in changes nothing but the names."""

import copy
import math

import open_clip
import pytest
import torch
from torch import nn

from pipeline.core.errors import ParamsError
from pipeline.core.params import parse
from pipeline.models import lora

SIZES = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "layers": 2, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 6, "vocab_size": 20, "width": 12, "heads": 2, "layers": 2},
}
NO_CHANGES = {"image": None, "text": None}
LOW = {"rank": 2, "alpha": 4.0}
PICTURES = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
TOKENS = torch.tensor([[1, 5, 19, 0, 0, 0], [1, 7, 8, 9, 19, 0], [1, 3, 19, 0, 0, 0]])


def model(kind: type[nn.Module] = open_clip.CLIP, **vision: object) -> nn.Module:
    torch.manual_seed(0)
    sizes = copy.deepcopy(SIZES)
    sizes["vision_cfg"] |= vision
    return kind(**sizes)


def prepared(freeze: str = "none", kind: type[nn.Module] = open_clip.CLIP, **changes: object) -> nn.Module:
    changed = model(kind)
    setting = {"freeze": freeze, "lora": NO_CHANGES | changes}
    lora.prepare(changed, parse(lora.Params, setting, "finetune"))
    return changed


def outputs(network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    return network.encode_image(PICTURES), network.encode_text(TOKENS)


def trained(network: nn.Module, steps: int = 3) -> nn.Module:
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=0.02)
    for _ in range(steps):
        image, text = outputs(network)
        logits = network.logit_scale.exp() * nn.functional.normalize(image) @ nn.functional.normalize(text).T
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits, torch.arange(3)).backward()
        optimizer.step()
    return network


def same(one: nn.Module, other: nn.Module) -> list[bool]:
    """For pictures and for texts. Attention takes another kernel where nothing learns, so the last bits may differ."""
    return [torch.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(outputs(one), outputs(other), strict=True)]


def learning(network: nn.Module) -> set[str]:
    return {name for name, parameter in network.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("kind", [open_clip.CLIP, open_clip.CustomTextCLIP])
def test_a_frozen_tower_does_not_learn_and_the_other_does(kind: type[nn.Module]) -> None:
    everything = {name for name, _ in model(kind).named_parameters()}
    visual = {name for name in everything if name.startswith("visual.")}
    assert learning(prepared("none", kind)) == everything
    assert learning(prepared("image", kind)) == everything - visual
    assert learning(prepared("text", kind)) == visual | {"logit_scale"}
    found = {freeze: same(model(kind), trained(prepared(freeze, kind))) for freeze in ("none", "image", "text")}
    assert found == {"none": [False, False], "image": [True, False], "text": [False, True]}


@pytest.mark.parametrize("kind", [open_clip.CLIP, open_clip.CustomTextCLIP])
@pytest.mark.parametrize(("tower", "other"), [("image", "text"), ("text", "image")])
def test_low_rank_changes_of_one_tower_learn_alone(kind: type[nn.Module], tower: str, other: str) -> None:
    changed = prepared(other, kind, **{tower: LOW})
    assert same(model(kind), changed) == [True, True]
    names = learning(changed) - {"logit_scale"}
    assert len(names) == 2 * 4 * 2  # layers x (qkv, out, two of the MLP) x two matrices
    assert all(name.endswith(("up_JOR", "down_JRI")) for name in names)
    before = {name: p.detach().clone() for name, p in changed.named_parameters() if not p.requires_grad}
    trained(changed)
    assert all(torch.equal(p, before[name]) for name, p in changed.named_parameters() if name in before)
    assert same(model(kind), changed) == [tower == "text", tower == "image"]


def test_a_change_is_alpha_over_rank_times_a_product_one_for_each_of_query_key_and_value() -> None:
    changed = trained(prepared("text", image={"rank": 3, "alpha": 6.0}))
    attention = changed.visual.transformer.resblocks[1].attn
    change = attention.parametrizations.in_proj_weight
    down, up, base = change[0].down_JRI, change[0].up_JOR, change.original
    assert (down.shape, up.shape) == ((3, 3, 16), (3, 16, 3))
    for o, i in [(0, 0), (15, 3), (16, 15), (40, 7), (47, 0)]:
        part = sum(up[o // 16, o % 16, r].item() * down[o // 16, r, i].item() for r in range(3))
        assert attention.in_proj_weight[o, i].item() == pytest.approx(base[o, i].item() + 6.0 / 3 * part, abs=1e-6)
    assert down.abs().max() <= 1 / math.sqrt(16) + 0.1


@pytest.mark.parametrize("other", [{"rank": 1, "alpha": 4.0}, {"rank": 2, "alpha": 8.0}])
def test_rank_and_alpha_change_what_is_learned(other: dict[str, float]) -> None:
    found = []
    for low in (LOW, other):
        torch.manual_seed(7)
        found.append(outputs(trained(prepared(image=low)))[0])
    assert not torch.allclose(*found)


@pytest.mark.parametrize("kind", [open_clip.CLIP, open_clip.CustomTextCLIP])
def test_merged_weights_are_those_of_the_architecture_and_give_the_same(kind: type[nn.Module]) -> None:
    changed = trained(prepared("none", kind, image=LOW, text={"rank": 1, "alpha": 1.0}))
    before = outputs(changed)
    lora.merge(changed)
    plain = model(kind)
    shapes = {name: weight.shape for name, weight in plain.state_dict().items()}
    assert {name: weight.shape for name, weight in changed.state_dict().items()} == shapes
    plain.load_state_dict(changed.state_dict())
    for found in (outputs(changed), outputs(plain)):
        for a, b in zip(before, found, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-5)
    lora.merge(plain)  # nothing to fold in
    assert all(torch.equal(plain.state_dict()[name], weight) for name, weight in changed.state_dict().items())


def test_fused_attention_without_gradients_sees_the_changes() -> None:
    changed = trained(prepared(image=LOW, text=LOW))
    with_gradients = outputs(changed)
    with torch.no_grad():
        fused = outputs(changed.eval())
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(with_gradients, fused, strict=True))


def test_bfloat16_around_it_leaves_the_changed_weight_exact() -> None:
    changed = trained(prepared(image=LOW))
    layer = changed.visual.transformer.resblocks[0].mlp.c_fc
    exact = layer.weight
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer.weight, exact)
        image = changed.encode_image(PICTURES)
        image.float().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in changed.visual.parameters() if p.requires_grad)
    torch.testing.assert_close(image.float(), outputs(changed)[0], rtol=0.1, atol=0.1)


def test_a_run_goes_on_from_its_state() -> None:
    changed = trained(prepared(image=LOW))
    torch.manual_seed(9)
    again = prepared(image=LOW)
    again.load_state_dict(changed.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(outputs(changed), outputs(again), strict=True))
    copied = copy.deepcopy(changed)
    assert all(torch.equal(a, b) for a, b in zip(outputs(trained(changed)), outputs(trained(copied)), strict=True))


def test_what_cannot_be_frozen_or_changed_is_refused_in_one_line() -> None:
    with pytest.raises(ParamsError, match=r"lora\.image should be null where that tower is frozen"):
        prepared("image", image=LOW)
    resnet = model(layers=[1, 1, 1, 1], width=8, image_size=32, head_width=8)
    frozen = {"freeze": "image", "lora": NO_CHANGES}
    with pytest.raises(ParamsError, match="the image tower has batch normalisation"):
        lora.prepare(resnet, parse(lora.Params, frozen, "finetune"))
    changing = {"freeze": "none", "lora": NO_CHANGES | {"image": LOW}}
    with pytest.raises(ParamsError, match=r"lora\.image: only the transformers of open_clip"):
        lora.prepare(resnet, parse(lora.Params, changing, "finetune"))
