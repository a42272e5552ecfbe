import pytest
import torch

from pipeline.core.errors import ParamsError
from pipeline.core.joints import LAYOUTS, JointLayout
from pipeline.modalities import skeleton
from pipeline.modalities.skeleton import stgcn, streams
from pipeline.models.encoder import StreamedEncoder

TINY = JointLayout("tiny", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), 0, (1, 3))
ALL = ["joint", "bone", "joint_motion", "bone_motion"]
STGCN = {"graph": "paper", "plan": "reduced", "dropout": 0.0}


def encoder(names=ALL, layout=TINY, seed=0, **changed):
    torch.manual_seed(seed)
    params = {"encoder": "stgcn", "options": STGCN, "streams": list(names)}
    return streams.Encoder(streams.Params(**{**params, **changed}), layout)


def clips(num=2, frames=6, layout=TINY, bodies=2, seed=0):
    return torch.randn(num, 3, frames, layout.num_joints, bodies, generator=torch.Generator().manual_seed(seed))


def seen(name, layout=TINY, x=None):
    """What the stream's network is given of a clip, before it is normalised."""
    model = encoder([name], layout)
    given = []
    network = model.networks[name]
    network.of_bodies = lambda x_PCTV, present_NM: given.append(x_PCTV) or torch.zeros(len(x_PCTV), network.dim, 1, 1)
    model(clips(layout=layout) if x is None else x)
    return given[0]


def test_a_bone_is_a_joint_less_its_neighbour_nearer_to_the_centre():
    a, b, c, d = seen("joint").unbind(-1)
    expected = torch.stack([torch.zeros_like(a), b - a, c - b, d - a], dim=-1)
    assert torch.equal(seen("bone"), expected)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_the_centre_alone_has_no_bone_and_bones_from_it_add_up_to_joints(layout):
    joints, bones = seen("joint", layout), seen("bone", layout)
    assert [v for v in range(layout.num_joints) if not bones[..., v].any()] == [layout.centre]
    nearer = dict(layout.edges)
    for joint in range(layout.num_joints):
        way, at = joints[..., layout.centre].clone(), joint
        while at in nearer:
            way, at = way + bones[..., at], nearer[at]
        assert torch.allclose(way, joints[..., joint], atol=1e-5)


def test_a_motion_is_the_next_frame_less_this_one():
    for still, moving in (("joint", "joint_motion"), ("bone", "bone_motion")):
        place, motion = seen(still), seen(moving)
        for frame in range(5):
            assert torch.equal(motion[:, :, frame], place[:, :, frame + 1] - place[:, :, frame])
        assert not motion[:, :, 5].any()


def test_a_clip_of_one_frame_has_no_motion():
    assert torch.equal(seen("joint_motion", x=clips(frames=1)), torch.zeros(4, 3, 1, 4))


@pytest.mark.parametrize("name", ALL)
def test_a_body_that_is_not_there_changes_nothing(name):
    model = encoder([name])
    alone = clips(bodies=1)
    beside = torch.cat([torch.zeros_like(alone), alone], dim=-1)
    for mode in (True, False):  # nor does it enter the statistics of a batch
        model.train(mode)
        assert torch.allclose(model(alone), model(beside), atol=1e-6)


@pytest.mark.parametrize("name", ["joint_motion", "bone_motion"])
def test_a_body_that_stands_still_is_there(name):
    """All its motions are 0, as are all numbers of a body that is absent; the clip is the mean of both all the same."""
    model = encoder([name]).eval()
    x = clips(1)
    x[..., 1] = x[:, :, :1, :, 1]
    still, absent = x.clone(), x.clone()
    still[..., 0], absent[..., 1] = x[..., 1], 0
    assert torch.allclose(model(x), (model(absent) + model(still)) / 2, atol=1e-6)
    assert not torch.allclose(model(x), model(absent), atol=1e-3)


def test_the_stream_of_joints_is_the_encoder_itself():
    torch.manual_seed(0)
    itself = stgcn.Encoder(stgcn.Params(**STGCN), TINY)
    stream = encoder(["joint"])
    x = clips()
    assert torch.equal(itself.eval()(x), stream.eval()(x))
    assert all(torch.equal(*pair) for pair in zip(itself.with_tokens(x), stream.with_tokens(x), strict=True))


def test_streams_lie_end_to_end_in_the_order_that_is_told():
    model, turned = encoder(["joint", "bone_motion"]).eval(), encoder(["bone_motion", "joint"]).eval()
    turned.load_state_dict(model.state_dict())
    x = clips()
    apart = model.by_stream(x)
    assert isinstance(model, StreamedEncoder)
    assert (model.dim, model.dims, [part.shape for part in apart]) == (512, [256, 256], [(2, 256)] * 2)
    assert torch.equal(model(x), torch.cat(apart, 1))
    assert torch.equal(turned(x), torch.cat(apart[::-1], 1))
    assert not torch.allclose(*apart)


def test_tokens_of_the_streams_lie_end_to_end_too():
    model, x = encoder(ALL).eval(), clips()
    pooled, tokens = model.with_tokens(x)
    assert tokens.shape == (2, 2, TINY.num_joints, 4 * 256)
    for number, name in enumerate(ALL):
        alone = encoder([name]).eval()
        alone.networks[name].load_state_dict(model.networks[name].state_dict())
        part = slice(256 * number, 256 * (number + 1))
        assert torch.equal(alone.with_tokens(x)[1], tokens[..., part])
        assert torch.equal(alone(x), pooled[:, part])


def test_each_stream_draws_weights_of_its_own():
    weights = [network.blocks[3].time[2].weight for network in encoder(["joint", "bone"]).networks.values()]
    assert not torch.equal(*weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "stgcn", "options": STGCN, "streams": []}, "'streams'"),
        ({"encoder": "stgcn", "options": STGCN, "streams": ["bone", "bone"]}, "a stream is named twice"),
        ({"encoder": "stgcn", "options": STGCN, "streams": ["bones"]}, "'streams"),
        ({"encoder": "stgcn", "options": {"plan": "full"}, "streams": ["bone"]}, "options of stgcn.*missing key"),
        ({"encoder": "kinematics", "options": {}, "streams": ["bone"]}, "'kinematics' does not"),
        ({"encoder": "streams", "options": {}, "streams": ["bone"]}, "'streams' does not"),
        ({"encoder": "gcn", "options": {}, "streams": ["bone"]}, "no 'gcn' in pipeline/modalities/skeleton"),
    ],
)
def test_streams_of_nothing_are_refused(options, message):
    with pytest.raises(ParamsError, match=message):
        skeleton.build("streams", options, "kinect20", "here")
