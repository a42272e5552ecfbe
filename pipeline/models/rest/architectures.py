"""The CNNs under ResT's transformer, without their classifiers: networks in segments, and their output sizes.

They are torchvision's with random weights, but for C3D (Tran et al., ICCV 2015) and `small`, which are written here.
Of a segment gradient checkpointing keeps only the input.
"""

# Shapes: M pictures or groups of pictures, C channels, F frames of a group, H x W pixels.
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from pipeline.models.rest import pooling

OVER_TIME = ("r2plus1d", "c3d")  # read groups of frames
C3D_FRAMES = 16  # its five poolings halve them four times
MIN_SIDE = {"vgg16": 32, "googlenet": 15, "c3d": 16}  # pixels of a picture; the others take any

Colours = tuple[tuple[float, float, float], tuple[float, float, float]]
Segments = Sequence[Sequence[str]]

_IMAGES: Colours = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation of red, green, blue: ImageNet
_CLIPS: Colours = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))  # of Kinetics-400
_FROM_MINUS_1: Colours = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # to 1, as GoogLeNet's weights, once TensorFlow's, expect
_AS_THEY_ARE: Colours = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_GRID = 3  # rows and columns in the output of `small`, so that left and right stay apart
_C3D_WIDTHS = {"1": 64, "2": 128, "3a": 256, "3b": 256, "4a": 512, "4b": 512, "5a": 512, "5b": 512}


@dataclass(frozen=True)
class Architecture:
    """A net whose `segments`, called in turn, give `dim` numbers a picture or group."""

    net: nn.Module
    dim: int
    segments: Segments  # names of submodules
    colours: Colours
    head: tuple[str, ...]  # prefixes of the classifier's weights in files from elsewhere, which are left out


def make(name: str, widths: Sequence[int] | None) -> Architecture:
    """An architecture by its name in params, its weights drawn at random."""
    if name == "small":
        assert widths is not None
        return _small(widths)
    if name.startswith("resnet"):
        return _residual(name)
    return {"vgg16": _vgg16, "mobilenet_v2": _mobilenet, "googlenet": _googlenet, "r2plus1d": _r2plus1d, "c3d": _c3d}[
        name
    ]()


def _small(widths: Sequence[int]) -> Architecture:
    """Convolutions that halve the picture. It sees a frame's colours and its difference from the clip's mean frame."""
    parts: dict[str, nn.Module] = {"colours": nn.BatchNorm2d(6)}
    for number, (channels, width) in enumerate(pairwise([6, *widths]), 1):
        conv = nn.Conv2d(channels, width, 3, 2, 1, bias=False)
        parts[f"halving{number}"] = nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())
    parts["grid"] = pooling.Parts(_GRID)
    return Architecture(_in_turn(parts), widths[-1] * _GRID**2, [[name] for name in parts], _AS_THEY_ARE, ())


def _residual(name: str) -> Architecture:
    from torchvision.models import resnet  # takes a second to import, and `small` does not need it

    made = {"resnet18": resnet.resnet18, "resnet34": resnet.resnet34, "resnet101": resnet.resnet101}[name]
    net = made(weights=None)
    dim = int(net.fc.in_features)
    del net.fc
    return Architecture(net, dim, [["conv1", "bn1", "relu", "maxpool"], *_blocks(net), ["avgpool"]], _IMAGES, ("fc.",))


def _r2plus1d() -> Architecture:
    from torchvision.models.video import r2plus1d_18

    net = r2plus1d_18(weights=None)
    dim = int(net.fc.in_features)
    del net.fc
    return Architecture(net, dim, [["stem"], *_blocks(net), ["avgpool"]], _CLIPS, ("fc.",))


def _vgg16() -> Architecture:
    from torchvision.models import vgg16

    net = vgg16(weights=None)
    del net.classifier
    net.avgpool = nn.AdaptiveAvgPool2d(1)
    segments: list[list[str]] = [[]]
    for number, layer in enumerate(net.features):
        segments[-1].append(f"features.{number}")
        if isinstance(layer, nn.MaxPool2d):
            segments.append([])
    return Architecture(net, 512, [*segments[:-1], ["avgpool"]], _IMAGES, ("classifier.",))


def _mobilenet() -> Architecture:
    from torchvision.models import mobilenet_v2

    net = mobilenet_v2(weights=None)
    del net.classifier
    net.avgpool = nn.AdaptiveAvgPool2d(1)
    segments = [[f"features.{number}"] for number in range(len(net.features))]
    return Architecture(net, int(net.last_channel), [*segments, ["avgpool"]], _IMAGES, ("classifier.",))


def _googlenet() -> Architecture:
    from torchvision.models import googlenet

    net = googlenet(weights=None, aux_logits=False, init_weights=False)  # a truncated normal would take half a minute
    dim = int(net.fc.in_features)
    del net.fc, net.dropout
    inceptions = [[name] for name, _ in net.named_children() if name.startswith(("inception", "maxpool"))]
    stem = ["conv1", "maxpool1", "conv2", "conv3", "maxpool2"]
    rest = [segment for segment in inceptions if segment[0] not in stem]
    return Architecture(net, dim, [stem, *rest, ["avgpool"]], _FROM_MINUS_1, ("fc.", "aux1.", "aux2."))


def _c3d() -> Architecture:
    parts: dict[str, nn.Module] = {}
    segments: list[list[str]] = []
    channels = 3
    for name, width in _C3D_WIDTHS.items():
        parts |= {f"conv{name}": nn.Conv3d(channels, width, 3, padding=1), f"relu{name}": nn.ReLU(inplace=True)}
        segments.append([f"conv{name}", f"relu{name}"])
        channels = width
        if not name.endswith("a"):
            parts[f"pool{name[0]}"] = pooling.Maxima(1 if name == "1" else 2, padding=1 if name == "5b" else 0)
            segments[-1].append(f"pool{name[0]}")
    parts |= {"places": _Places(), "flat": nn.Flatten(), "fc6": nn.Linear(512 * 16, 4096)}
    parts["relu6"] = nn.ReLU(inplace=True)
    segments.append(["places", "flat", "fc6", "relu6"])
    return Architecture(_in_turn(parts), 4096, segments, _CLIPS, ("fc7.", "fc8."))


class _Places(nn.Module):
    """4 x 4 places over all frames: exactly the output for 16 frames of 112 x 112, and means for larger clips."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = pooling.Parts(4)

    def forward(self, x_MCFHW: Tensor) -> Tensor:
        part_MCGP: Tensor = self.parts(x_MCFHW.mean(dim=2))
        return part_MCGP


def _blocks(net: nn.Module) -> list[list[str]]:
    return [
        [f"layer{stage}.{number}"]
        for stage in range(1, 5)
        for number in range(len(list(net.get_submodule(f"layer{stage}").children())))
    ]


def _in_turn(parts: dict[str, nn.Module]) -> nn.Module:
    return nn.Sequential(OrderedDict(parts))
