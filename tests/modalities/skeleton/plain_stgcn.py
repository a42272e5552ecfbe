"""ST-GCN as its formulas read, over the weights of an encoder: what the faster one is compared with."""

# Shapes: N clips, P bodies, C channels, T frames, V joints (W: the same), M bodies of a clip, D feature size.
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.modalities.skeleton import stgcn
from pipeline.modalities.skeleton._bodies import bodies


def features(encoder: stgcn.Encoder, x_NCTVM: Tensor) -> Tensor:
    """feature_ND."""
    x_PCTV, present_NM = bodies(x_NCTVM)
    num_bodies, channels, frames, joints = x_PCTV.shape
    columns = x_PCTV.permute(0, 3, 1, 2).reshape(num_bodies, joints * channels, frames)
    x = normalised(encoder.normalise[0], columns).view(num_bodies, joints, channels, frames).permute(0, 2, 3, 1)
    for block in encoder.blocks:
        x = after_block(block, x)
    feature_PD, which_P = x.mean((2, 3)), present_NM.nonzero()[:, 0]
    of_clips = [feature_PD[which_P == clip].mean(0) for clip in range(len(x_NCTVM))]
    return torch.stack(of_clips)


def after_block(block: stgcn.StgcnBlock, x: Tensor) -> Tensor:
    first, _, time, second, dropout = block.time
    y = functional.relu(normalised(first, after_graph(block.graph, x)))
    y = normalised(second, functional.conv2d(y, time.weight, time.bias, time.stride, time.padding))
    y = functional.dropout(y, dropout.p, block.training)
    if isinstance(block.residual, nn.Identity):
        y = y + x
    elif block.residual is not None:
        convolution, norm = block.residual
        y = y + normalised(norm, functional.conv2d(x, convolution.weight, convolution.bias, convolution.stride))
    return functional.relu(y)


def after_graph(graph: stgcn.GraphConvolution, x_PCTV: Tensor) -> Tensor:
    """Joints are summed first, copied together partition by partition, then channels."""
    weighted_KVW = graph.adjacency_KVW * graph.edge_weight_KVW
    summed = torch.einsum("pctv,kvw->pkctw", x_PCTV, weighted_KVW).flatten(1, 2)
    weight = graph.weight_KOC.transpose(0, 1).flatten(1)[:, :, None, None]
    bias_OW = torch.einsum("ko,kvw->ow", graph.bias_KO, weighted_KVW)
    return functional.conv2d(summed, weight) + bias_OW[:, None, :]


def normalised(norm: nn.Module, x: Tensor) -> Tensor:
    """Of a batch by its own mean and variance, at rest by the running ones, which it leaves alone."""
    if norm.training:
        return functional.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
    return functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
