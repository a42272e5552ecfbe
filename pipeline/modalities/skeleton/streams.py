"""An ensemble of networks of one kind over views of the same bodies: joints, bones and the motion of both.

As in 2s-AGCN (Shi et al., CVPR 2019) and MS-AAGCN (TIP 2020). All streams have the same weight; released ensembles
weigh the scores of joints and bones .6 and those of motions .4. A bone is a joint less its neighbour nearer to the
centre, and 0 at the centre. A motion is the next frame less this one, and 0 in the last frame. The released lists of
bones of NTU RGB+D put the thumbs between hands and their tips; here the bone of a tip leads to the hand.

A clip's vector is the concatenation of its streams' vectors, in the given order. Which bodies are present is decided by
the joints alone: a body that stands still is present, with motions of 0.
"""

# Shapes: N clips, P bodies present in them, C channels, T frames, V joints, M bodies, D feature size.
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.core import members
from pipeline.core import params as core_params
from pipeline.core.errors import ParamsError
from pipeline.core.joints import JointLayout
from pipeline.modalities.skeleton._bodies import BodyEncoder, bodies, clip_feature, mean_body

Stream = Literal["joint", "bone", "joint_motion", "bone_motion"]


class Params(core_params.Params):
    """Which encoder of this folder gets which views."""

    encoder: str
    options: dict[str, Any]  # its Params
    streams: list[Stream] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.streams)) < len(self.streams):
            raise ValueError("a stream is named twice")
        return self


class Encoder(nn.Module):
    """Clips of joint positions -> the concatenated vectors of all streams. `dim` is their total size."""

    parts: ClassVar[dict[str, int]] = BodyEncoder.parts
    parent_V: Tensor

    def __init__(self, params: Params, layout: JointLayout) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({stream: _network(params, layout) for stream in params.streams})
        self.dims = [network.dim for network in self._streams().values()]
        self.dim = sum(self.dims)
        nearer = dict(layout.edges)
        parents = [nearer.get(joint, joint) for joint in range(layout.num_joints)]
        self.register_buffer("parent_V", torch.tensor(parents), persistent=False)

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """feature_ND; 0 for a clip without a body."""
        return torch.cat(self.by_stream(x_NCTVM), dim=1)

    def by_stream(self, x_NCTVM: Tensor) -> list[Tensor]:
        """feature_ND of each stream."""
        present_NM, maps = self._maps(x_NCTVM)
        return [clip_feature(body_PDSV, present_NM) for body_PDSV in maps]

    def with_tokens(self, x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and the tokens_NSVD whose mean it is: of each frame and joint, streams concatenated."""
        present_NM, maps = self._maps(x_NCTVM)
        features = [clip_feature(body_PDSV, present_NM) for body_PDSV in maps]
        tokens_NDSV = torch.cat([mean_body(body_PDSV, present_NM) for body_PDSV in maps], dim=1)
        return torch.cat(features, dim=1), tokens_NDSV.permute(0, 2, 3, 1)

    def _maps(self, x_NCTVM: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Which bodies are present, and body_PDSV of each stream."""
        x_PCTV, present_NM = bodies(x_NCTVM)
        networks = self._streams()
        views = (view(x_PCTV, stream, self.parent_V) for stream in networks)
        return present_NM, [
            network.of_bodies(view_PCTV, present_NM)
            for network, view_PCTV in zip(networks.values(), views, strict=True)
        ]

    def _streams(self) -> dict[str, BodyEncoder]:
        return {stream: network for stream, network in self.networks.items() if isinstance(network, BodyEncoder)}


def view(x_PCTV: Tensor, stream: str, parent_V: Tensor) -> Tensor:
    """A stream's view of bodies; `parent_V` is each joint's neighbour nearer to the centre, for the centre itself."""
    if stream.startswith("bone"):
        x_PCTV = x_PCTV - x_PCTV[..., parent_V]
    if stream.endswith("motion"):
        x_PCTV = nn.functional.pad(x_PCTV.diff(dim=2), (0, 0, 0, 1))
    return x_PCTV


def _network(params: Params, layout: JointLayout) -> BodyEncoder:
    member = members.load(__package__, params.encoder)
    if not issubclass(member.Encoder, BodyEncoder):
        raise ParamsError(
            f"streams need a network that encodes body by body, '{params.encoder}' does not; name another encoder"
        )
    options = core_params.parse(member.Params, params.options, f"options of {params.encoder}")
    network: BodyEncoder = member.Encoder(options, layout)
    return network
