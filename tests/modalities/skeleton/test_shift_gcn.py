import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.joints import KINECT20, NTU25, JointLayout
from pipeline.modalities.skeleton import shift_gcn
from tests.modalities.skeleton.golden import num_weights

TINY = JointLayout("tiny", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), 0, (1, 3))
INERT = 2 * (4 * 64 + 3 * 128 + 3 * 256)  # shifts over joints that the released code holds at 0


def encoder(layout=TINY, width=8, gradient="exact", slots=2, seed=0):
    torch.manual_seed(seed)
    return shift_gcn.Encoder(shift_gcn.Params(num_slots=slots, width=width, shift_gradient=gradient), layout)


def clips(num=2, frames=10, layout=TINY, bodies=2, seed=0):
    return torch.randn(num, 3, frames, layout.num_joints, bodies, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("classes", "published"), [(60, 693_107), (120, 708_527)])
def test_it_has_the_published_number_of_weights_but_for_those_that_never_move(classes, published):
    model = encoder(NTU25, width=64)
    assert (model.dim, INERT) == (256, 2_816)
    assert num_weights(model) + num_weights(nn.Linear(model.dim, classes)) + INERT == published


def test_two_blocks_halve_the_frames():
    model, shapes = encoder(), []
    for block in model.blocks:
        block.register_forward_hook(lambda module, args, y: shapes.append((y.shape[3], y.shape[1])))
    model(clips(frames=50))
    widths = [8] * 4 + [16] * 3 + [32] * 3
    assert shapes == list(zip(widths, [50] * 4 + [25] * 3 + [13] * 3, strict=True))


def slow_time_shift(x_PTVC, shift_C, stride):
    """Frame by frame and channel by channel: zeros beyond the ends, a straight line between two frames."""
    bodies, frames, joints, channels = x_PTVC.shape
    y = np.zeros((bodies, -(-frames // stride), joints, channels))
    for p, s, v, c in itertools.product(*map(range, y.shape)):
        at = s * stride + shift_C[c] + (0.5 if stride == 2 else 0)
        for frame in range(frames):
            y[p, s, v, c] += max(0.0, 1 - abs(frame - at)) * x_PTVC[p, frame, v, c]
    return y


SHIFTS = [-9.0, -2.3, -1.0, -0.6, 0.0, 0.25, 0.5, 1.0, 3.7, 20.0]  # whole ones too, and beyond both ends


def time_shift(stride, gradient="exact", shifts=SHIFTS):
    layer = shift_gcn.TimeShift(len(shifts), stride, gradient).double()
    with torch.no_grad():
        layer.shift_C.copy_(torch.tensor(shifts, dtype=torch.float64))
    return layer


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [1, 6, 7])
def test_the_shift_over_time_is_that_of_a_slow_loop(stride, frames):
    x = torch.randn(2, frames, 3, len(SHIFTS), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = time_shift(stride)(x).numpy()
    np.testing.assert_allclose(found, slow_time_shift(x.numpy(), SHIFTS, stride), atol=1e-14)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [6, 7])
def test_the_gradients_of_the_shift_over_time_are_those_of_small_differences(stride, frames):
    shifts = [-2.3, -0.6, 0.25, 0.7, 5.7]
    layer = time_shift(stride, shifts=shifts)
    x = torch.randn(1, frames, 2, len(shifts), dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def shifted(x, shift_C):
        return torch.func.functional_call(layer, {"shift_C": shift_C}, x)

    assert torch.autograd.gradcheck(shifted, (x.requires_grad_(), layer.shift_C), atol=1e-8)


def test_the_gradient_of_a_shift_by_whole_frames_is_to_the_next_frame():
    layer = time_shift(1, shifts=[1.0])
    x = torch.tensor([3.0, 5.0, 11.0, 4.0], dtype=torch.float64)[None, :, None, None]
    layer(x).sum().backward()
    assert layer.shift_C.grad.item() == (11 - 5) + (4 - 11) + (0 - 4) + 0


def test_shifts_may_learn_by_the_sign_of_their_gradient():
    x = torch.randn(2, 6, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[..., 3] = 0  # nothing to gain from this one
    shifts = [-0.6, 0.25, 0.7, 0.1]
    layers = {gradient: time_shift(1, gradient, shifts) for gradient in ("exact", "sign")}
    grads = {}
    for gradient, layer in layers.items():
        y = layer(x)
        y.square().sum().backward()
        grads[gradient] = layer.shift_C.grad
    assert grads["sign"][:3].tolist() == (0.01 * grads["exact"][:3].sign()).tolist()
    assert (grads["exact"][3], grads["sign"][3]) == (0, 1e-4)
    assert torch.equal(layers["exact"](x), layers["sign"](x))


def slow_joint_shift(x_TVC, sign):
    """By the published index, number by number."""
    frames, joints, channels = x_TVC.shape
    flat, found = x_TVC.reshape(frames, -1), np.zeros((frames, joints * channels))
    for i, j in itertools.product(range(joints), range(channels)):
        found[:, i * channels + j] = flat[:, (i * channels + j + sign * j * channels) % (joints * channels)]
    return found.reshape(frames, joints, channels)


@pytest.mark.parametrize("channels", [3, 7, 60])  # fewer and more than joints
@pytest.mark.parametrize("sign", [1, -1])
def test_the_shift_over_joints_is_that_of_a_slow_loop(channels, sign):
    x = np.random.default_rng(0).normal(size=(2, KINECT20.num_joints, channels))
    order = shift_gcn.shifted(KINECT20.num_joints, channels, sign)
    found = torch.from_numpy(x).flatten(1)[:, order].view(x.shape)
    np.testing.assert_array_equal(found, slow_joint_shift(x, sign))
    joint = np.arange(KINECT20.num_joints)[:, None] + sign * np.arange(channels)  # channel j comes j joints from here
    np.testing.assert_array_equal(found, x[:, joint % KINECT20.num_joints, np.arange(channels)])


def test_the_shift_over_joints_and_its_gradients_are_exact():
    torch.manual_seed(0)
    layer = shift_gcn.ShiftGraph(3, 5, TINY.num_joints).double().eval()
    with torch.no_grad():
        layer.mask_VC.normal_()
        layer.bias_O.normal_()
        layer.normalise.running_mean.normal_()
    x = torch.randn(1, 2, TINY.num_joints, 3, dtype=torch.float64, requires_grad=True)
    turned = slow_joint_shift(x[0].detach().numpy(), 1) * (np.tanh(layer.mask_VC.detach().numpy()) + 1)
    mapped = slow_joint_shift(turned @ layer.weight_CO.detach().numpy() + layer.bias_O.detach().numpy(), -1)
    norm = layer.normalise
    expected = (mapped.reshape(2, -1) - norm.running_mean.numpy()) / np.sqrt(1 + norm.eps)
    expected = expected.reshape(2, TINY.num_joints, 5) + layer.residual(x)[0].detach().numpy()
    np.testing.assert_allclose(layer(x)[0].detach(), np.maximum(expected, 0), atol=1e-12)
    assert torch.autograd.gradcheck(layer, (x,), atol=1e-8)
    assert torch.autograd.gradcheck(
        lambda weight, mask: torch.func.functional_call(layer, {"weight_CO": weight, "mask_VC": mask}, x.detach()),
        (layer.weight_CO, layer.mask_VC),
        atol=1e-8,
    )


def test_shifts_start_within_a_frame_and_learn():
    model = encoder()
    shifts = [weight for name, weight in model.named_parameters() if name.endswith("shift_C")]
    assert len(shifts) == 20
    drawn = torch.cat([shift.detach() for shift in shifts])
    assert (drawn.abs() <= 1).all()
    assert drawn.std().item() == pytest.approx(3**-0.5, abs=0.05)
    model(clips()).square().sum().backward()
    assert all(shift.grad.abs().sum() > 0 for shift in shifts)


def test_the_way_shifts_learn_changes_the_weights():
    learnt = {}
    for gradient in ("exact", "sign"):
        model = encoder(gradient=gradient)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(clips()).square().sum().backward()
        optimizer.step()
        learnt[gradient] = torch.cat([w.detach().flatten() for w in model.parameters()])
    assert not torch.equal(learnt["exact"], learnt["sign"])
