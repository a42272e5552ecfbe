"""Tokens of frames and of groups of frames, and that the ways to compute them agree."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pipeline.core.errors import DataError, FormatError
from pipeline.models.rest import frames
from tests.models.rest.conftest import SMALL, encoder

# Name -> frames a token, numbers a token, weights without the classifier: as torchvision and papers tell them.
NETS = {
    "resnet18": (1, 512, 11_689_512 - 513_000),
    "resnet34": (1, 512, 21_797_672 - 513_000),
    "resnet101": (1, 2048, 44_549_160 - 2_049_000),
    "vgg16": (1, 512, 14_714_688),
    "mobilenet_v2": (1, 1280, 3_504_872 - 1_281_000),
    "googlenet": (1, 1024, 6_624_904 - 1_025_000),
    "r2plus1d": (4, 512, 31_505_325 - 205_200),
    "c3d": (16, 4096, 61_214_464),
}


def on_meta(name, group=None, **changes):
    with torch.device("meta"):
        return encoder(name=name, widths=None, group=group or NETS[name][0], **changes)


@pytest.mark.parametrize("name", NETS)
def test_each_network_gives_its_numbers_for_each_group_of_frames(name):
    group, dim, num_weights = NETS[name]
    net = on_meta(name)
    assert sum(weight.numel() for weight in net.parameters()) == num_weights
    x_NTCHW = torch.zeros(2, 3 * group, 3, 112, 112, dtype=torch.uint8, device="meta")
    assert net(x_NTCHW).shape == (2, 3, dim)
    assert net.dim == dim


def test_c3ds_weights_are_those_of_the_paper():
    """Eight convolutions of 3 x 3 x 3 and the first full layer over 512 x 4 x 4."""
    widths = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    convolutions = sum(27 * a * b + b for a, b in pairwise(widths))
    assert NETS["c3d"][2] == convolutions + 512 * 16 * 4096 + 4096


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "googlenet", "r2plus1d"])
def test_our_segments_compute_what_the_whole_network_does(name):
    net = encoder(name=name, widths=None, group=NETS[name][0]).eval()
    whole = {"fc": torch.nn.Identity(), "dropout": torch.nn.Identity(), "classifier": torch.nn.Identity()}
    x_NTCHW = torch.randint(0, 256, (1, 4, 3, 32, 32), dtype=torch.uint8)
    token_NSD = net(x_NTCHW)
    for part, layer in whole.items():
        setattr(net.net, part, layer)
    if name == "mobilenet_v2":
        del net.net.avgpool
    with torch.no_grad():
        found = net.net(net._prepared(x_NTCHW))
    torch.testing.assert_close(token_NSD.flatten(0, 1), found)


def test_a_token_of_a_2d_network_is_of_its_frame_alone(pictures):
    net = encoder(name="resnet18", widths=None).eval()
    with torch.no_grad():
        token_NSD = net(pictures)
        turned_NSD = net(pictures.flip(1))
    torch.testing.assert_close(token_NSD.flip(1), turned_NSD)


def test_a_token_of_a_3d_network_is_of_its_group_alone():
    net = encoder(name="r2plus1d", widths=None, group=2).eval()
    x_NTCHW = torch.randint(0, 256, (1, 6, 3, 16, 16), dtype=torch.uint8)
    changed = x_NTCHW.clone()
    changed[:, 2:4] = 255 - changed[:, 2:4]
    with torch.no_grad():
        same_S = (net(x_NTCHW) - net(changed)).abs().amax(dim=(0, 2)) < 1e-6
    assert same_S.tolist() == [True, False, True]
    with pytest.raises(DataError, match="clips of 5 frames are no whole number of groups of 2"):
        net(x_NTCHW[:, :5])


def test_colours_are_normalised_as_each_networks_weights_expect():
    white = torch.full((1, 1, 3, 4, 4), 255, dtype=torch.uint8)
    seen = encoder(name="resnet18", widths=None)._prepared(white)
    assert seen[0, :, 0, 0].tolist() == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    seen = encoder(name="googlenet", widths=None)._prepared(white)
    assert seen[0, :, 0, 0].tolist() == [1, 1, 1]  # what torchvision's own turns ImageNet's colours into
    seen = encoder(name="r2plus1d", widths=None)._prepared(white)
    assert seen.shape == (1, 3, 1, 4, 4)
    assert seen[0, 0, 0, 0, 0].item() == pytest.approx((1 - 0.43216) / 0.22803)


def test_the_small_network_sees_what_moves(pictures):
    seen_MCHW = encoder()._prepared(pictures)
    assert seen_MCHW.shape == (24, 6, 16, 24)
    x_NTCHW = pictures.float() / 255
    moving_NTCHW = x_NTCHW - x_NTCHW.mean(dim=1, keepdim=True)
    torch.testing.assert_close(seen_MCHW, torch.cat([x_NTCHW, moving_NTCHW], dim=2).flatten(0, 1))
    assert encoder()(pictures).shape == (4, 6, 8 * 9)
    assert encoder(widths=[4, 5, 6])(pictures).shape == (4, 6, 6 * 9)


@pytest.mark.parametrize("name", ["small", "resnet18", "mobilenet_v2"])
def test_channels_last_and_checkpoints_change_no_gradient_and_no_running_mean(name, pictures):
    own = {"widths": [6, 8] if name == "small" else None}
    one, two = (encoder(name=name, **own, channels_last=on, checkpoint_gradients=on).train() for on in (False, True))
    assert next(w for w in two.net.parameters() if w.dim() > 3).stride(1) == 1
    weight_D = torch.randn(one.dim, generator=torch.Generator().manual_seed(0))
    found = []
    for net in (one.double(), two.double()):
        token_NSD = net(pictures[:2])
        (token_NSD @ weight_D.double()).square().sum().backward()
        found.append([token_NSD.detach(), *(weight.grad for weight in net.parameters()), *net.buffers()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)
    assert not torch.equal(
        one.net.state_dict()[_mean(one)], encoder(name=name, **own).double().net.state_dict()[_mean(one)]
    )


def test_channels_of_groups_come_last_too(pictures):
    one, two = (encoder(name="r2plus1d", widths=None, group=2, channels_last=on).eval() for on in (False, True))
    assert next(w for w in two.net.parameters() if w.dim() > 4 and w.shape[1] > 1).stride(1) == 1
    with torch.no_grad():
        torch.testing.assert_close(one(pictures[:1, :2]), two(pictures[:1, :2]), rtol=1e-4, atol=1e-4)


def _mean(net):
    return next(name for name in net.net.state_dict() if name.endswith("running_mean"))


def test_checkpoints_keep_less_for_the_backward_pass(pictures):
    def kept(on):
        net, num = encoder(name="resnet18", widths=None, checkpoint_gradients=on).train(), 0

        def pack(tensor):
            nonlocal num
            num += 0 if isinstance(tensor, torch.nn.Parameter) else tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            net(pictures)
        return num

    assert kept(True) < kept(False) / 3


def test_weights_that_do_not_learn_stay_as_they_are(pictures):
    net = encoder(learns=False).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert not net(pictures).requires_grad
    assert not net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    learning = encoder().train()
    assert learning(pictures).requires_grad
    assert not torch.equal(before["net.colours.running_mean"], learning.state_dict()["net.colours.running_mean"])


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_of_a_file_are_taken_without_their_classifier(tmp_path, suffix, pictures):
    from torchvision.models import resnet18

    torch.manual_seed(1)
    theirs = resnet18(weights=None).eval()
    state = {name: value for name, value in theirs.state_dict().items() if not name.endswith("num_batches_tracked")}
    file = tmp_path / f"resnet18.{suffix}"
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    net = encoder(name="resnet18", widths=None, weights=str(file)).eval()
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(net(pictures).flatten(0, 1), theirs(net._prepared(pictures)))


def test_weights_of_googlenet_see_the_colours_they_were_made_with(tmp_path, pictures):
    from torchvision.models import googlenet

    torch.manual_seed(1)
    theirs = googlenet(weights=None, aux_logits=False, init_weights=False, transform_input=True).eval()
    torch.save(theirs.state_dict(), tmp_path / "googlenet.pth")
    net = encoder(name="googlenet", widths=None, weights=str(tmp_path / "googlenet.pth")).eval()
    theirs.fc = torch.nn.Identity()
    as_published = encoder(name="resnet18", widths=None)._prepared(pictures)  # torchvision's recipe: ImageNet's colours
    with torch.no_grad():
        torch.testing.assert_close(net(pictures).flatten(0, 1), theirs(as_published), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["vgg16", "googlenet", "c3d", "resnet18", "small"])
def test_the_least_picture_is_told(name):
    def through(side):
        widths = {"small": [4, 4, 4]}.get(name)
        with torch.device("meta"):
            net = encoder(name=name, widths=widths, group=NETS.get(name, (1,))[0]).eval()
        return net(torch.zeros(1, net.group, 3, side, side, dtype=torch.uint8, device="meta"))

    least = frames.FrameParams(
        name=name,
        widths=[4] if name == "small" else None,
        group=16 if name == "c3d" else 1,
        weights=None,
        learns=True,
    ).min_side
    assert through(least).shape[:2] == (1, 1)
    if least > 1:
        with pytest.raises(RuntimeError, match="too small"):
            through(least - 1)


def test_files_that_are_no_such_weights_are_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    with pytest.raises(FormatError, match=r"weights\.safetensors: no such file; expected weights of small"):
        encoder(weights=str(file))
    file.write_bytes(b"no weights")
    with pytest.raises(FormatError, match="not readable as weights"):
        encoder(weights=str(file))
    torch.save({0: torch.zeros(2)}, tmp_path / "numbered.pth")
    with pytest.raises(FormatError, match="holds no weights by name"):
        encoder(weights=str(tmp_path / "numbered.pth"))
    state = dict(encoder().net.state_dict())
    for spoilt in (torch.full((6,), torch.nan), torch.ones(6).to_sparse(), torch.ones(6, dtype=torch.complex64)):
        torch.save({**state, "colours.weight": spoilt}, tmp_path / "spoilt.pth")
        with pytest.raises(FormatError, match=r"colours\.weight is no dense array of real, finite"):
            encoder(weights=str(tmp_path / "spoilt.pth"))
    for changes, told in (
        ({"other": torch.zeros(1)}, "has, and the architecture has not, other"),
        ({"colours.weight": torch.zeros(3)}, r"colours\.weight has the shape \(3,\), the architecture's is \(6,\)"),
        ({"colours.weight": None}, r"lacks colours\.weight"),
    ):
        save_file({name: value for name, value in (state | changes).items() if value is not None}, file)
        with pytest.raises(FormatError, match=told):
            encoder(weights=str(file))


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_weights_are_one_line(zipped, tmp_path):
    """A byte changed or the end cut off, at places drawn by chance."""
    file, random = tmp_path / "w.pth", np.random.default_rng(0)
    torch.save(dict(encoder().net.state_dict()), file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    told = []
    for _ in range(200):
        place = int(random.integers(len(whole)))
        file.write_bytes(
            whole[:place] + (b"" if random.random() < 0.2 else bytes([whole[place] ^ 255]) + whole[place + 1 :])
        )
        try:
            encoder(weights=str(file))
        except FormatError as error:
            told.append(str(error))
    assert len(told) > 20
    assert all(len(line.splitlines()) == 1 for line in told)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"widths": None}, "widths should be a list for small"),
        ({"widths": []}, "at least 1 item"),
        ({"name": "resnet18"}, "widths should be null for resnet18"),
        ({"group": 2}, "small sees one frame at a time"),
        ({"name": "c3d", "widths": None, "group": 8}, "c3d sees 16 frames at least"),
        ({"name": "resnet50"}, "Input should be"),
    ],
)
def test_params_that_fit_no_network_are_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        frames.FrameParams(**{**SMALL, **changes})


def test_random_weights_come_from_the_seed(pictures):
    one, two = encoder(), encoder()
    assert torch.equal(one.eval()(pictures), two.eval()(pictures))
    torch.manual_seed(1)
    other = frames.build(frames.FrameParams(**SMALL), channels_last=False, checkpoint_gradients=False)
    assert not torch.equal(one(pictures), other.eval()(pictures))
