"""Released networks of skeletons, written out from their formulas in NumPy and float64: what they share."""

# Shapes: N clips, M bodies, P = N * M, C channels, T frames, V joints.
import numpy as np
import torch

from pipeline.modalities.skeleton import _released

EPSILON = 1e-5
PLAN = [(1, 1)] * 4 + [(2, 2)] + [(2, 1)] * 2 + [(4, 2)] + [(4, 1)] * 2  # times the width, stride


class Weights:
    """Weights by their released names, drawn, so that no layer is one that any order of channels would leave alike."""

    def __init__(self, seed=0):
        self.random = np.random.default_rng(seed)
        self.state = {}

    def __getitem__(self, name):
        return self.state[name]

    def __contains__(self, name):
        return name in self.state

    def draw(self, name, *shape, around=0.0, spread=0.5):
        self.state[name] = _single(self.random.normal(around, spread, shape))

    def normalisation(self, name, size):
        for what in ("weight", "running_var"):
            self.state[f"{name}.{what}"] = _single(self.random.uniform(0.5, 2, size))
        for what in ("bias", "running_mean"):
            self.draw(f"{name}.{what}", size, spread=0.25)
        self.state[f"{name}.num_batches_tracked"] = np.array(7)

    def convolution(self, name, *shape):
        self.draw(f"{name}.weight", *shape, spread=1 / np.sqrt(np.prod(shape[1:])))
        self.draw(f"{name}.bias", shape[0], spread=0.25)

    def save(self, file):
        """As torch keeps them."""
        tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in self.state.items()}
        torch.save({name: v.float() if v.dtype == torch.float64 else v for name, v in tensors.items()}, file)
        return file


def num_weights(module):
    """Those that are learnt."""
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def clips(frames=9, joints=25):
    return np.random.default_rng(1).normal(size=(2, 3, frames, joints, 2))


def feature(model, x_NCTVM):
    with torch.no_grad():
        return model(torch.from_numpy(x_NCTVM).float())


def _single(value):
    """As a file of single precision gives it back."""
    return value.astype(np.float32).astype(np.float64)


def relu(x):
    return np.maximum(x, 0)


def normalised(x, state, name):
    """Batch normalisation at rest, of axis 1."""
    shape = (-1, *[1] * (x.ndim - 2))
    mean, var, weight, bias = (
        state[f"{name}.{what}"].reshape(shape) for what in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + EPSILON) * weight + bias


def over_time(x_PCTV, state, name, stride=1, dilation=1):
    """A convolution over frames, zeros around them, of every `stride`-th frame."""
    kernel_OCK, bias = state[f"{name}.weight"][..., 0], state[f"{name}.bias"]
    num, frames = kernel_OCK.shape[2], x_PCTV.shape[2]
    around = (num - 1) * dilation // 2
    wide = np.pad(x_PCTV, ((0, 0), (0, 0), (around, around), (0, 0)))
    taken = [
        np.einsum("pckv,ock->pov", wide[:, :, t : t + (num - 1) * dilation + 1 : dilation], kernel_OCK)
        for t in range(0, frames, stride)
    ]
    return np.stack(taken, axis=2) + bias[:, None, None]


def added(y_POTV, x_PCTV, state, names, stride=1):
    """The sum with the input, rectified; that through a convolution and a normalisation where these names are there."""
    convolution, normalisation = names
    if f"{convolution}.weight" in state:
        x_PCTV = normalised(over_time(x_PCTV, state, convolution, stride), state, normalisation)
    return relu(y_POTV + x_PCTV)


def of_ten_blocks(x_NCTVM, state, layers):
    """Feature of each clip through blocks l1 to l10, of which the first adds nothing to what its layers give."""

    def blocks(x):
        for number, (_, stride) in enumerate(PLAN, 1):
            block = f"l{number}"
            y, names = layers(x, state, block, stride), (f"{block}.residual.conv", f"{block}.residual.bn")
            x = relu(y) if number == 1 else added(y, x, state, names, stride)
        return x

    return of_two_bodies(x_NCTVM, state, blocks)


def of_two_bodies(x_NCTVM, state, blocks):
    """Feature of each clip: every number of both bodies normalised, blocks, mean over frames, joints, bodies."""
    clips, channels, frames, joints, bodies = x_NCTVM.shape
    x = x_NCTVM.transpose(0, 4, 3, 1, 2).reshape(clips, bodies * joints * channels, frames)
    x = normalised(x, state, "data_bn").reshape(clips * bodies, joints, channels, frames).transpose(0, 2, 3, 1)
    return blocks(x).mean((2, 3)).reshape(clips, bodies, -1).mean(1)


def same_features(encoder, file, released, x_NCTVM, expected_ND, num_classes):
    """Load the file into the encoder and compare, in double and in single precision."""
    assert _released.load(encoder, file, released) == num_classes
    encoder.eval()
    with torch.no_grad():
        single = encoder(torch.from_numpy(x_NCTVM).float()).numpy()
        double = encoder.double()(torch.from_numpy(x_NCTVM)).numpy()
    assert np.abs(double - expected_ND).max() < 1e-10 * np.abs(expected_ND).max()
    assert np.abs(single - expected_ND).max() < 1e-4 * np.abs(expected_ND).max()
