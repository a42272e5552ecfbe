"""The wrapper against open_clip itself, and what it adds: long texts, clips of frames, refusals."""

# Shapes: N pictures, clips or texts, T frames, L tokens, D size of a vector.
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipeline.core.errors import DataError, FormatError
from pipeline.models import checkpoint, clip, open_clips
from pipeline.models.tokenizer import Tokenizer

CLIPS = Path(clip.__file__).parent / "clips"
TINY = CLIPS / "unseen-tiny.json"
SMALL = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}
TEXTS = ["a man", "two women carry a long table, the table near a red door", "!!", "wave"]
LONG = "a man wearing a red shirt lifts a box. " * 12


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A real architecture with random weights; it takes seconds to make."""
    return clip.start(start_file(tmp_path_factory.mktemp("vit"), architecture="ViT-B-32"), seed=0)


@pytest.fixture(scope="module")
def tiny():
    return clip.start(TINY, seed=0)


def start_file(folder, **said):
    path = folder / "start.json"
    path.write_text(json.dumps({"architecture": SMALL, "pretrained": None, "checkpoint": None, **said}))
    return path


def photo(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR))


@pytest.fixture(scope="module")
def theirs(vit):
    """The same weights in open_clip's own class of the architecture, and its transform of pictures."""
    import open_clip

    with open_clips._quiet():
        model, _, transform = open_clip.create_model_and_transforms("ViT-B-32")
    model.load_state_dict({name.removeprefix("text."): value for name, value in vit.model.state_dict().items()})
    return model.eval(), transform


class TestAgainstOpenClip:
    def test_texts_are_what_it_encodes_though_the_padding_is_left_out(self, vit, theirs):
        import open_clip

        token_NL = open_clip.get_tokenizer("ViT-B-32")(TEXTS)
        assert np.array_equal(vit.tokenizer(TEXTS), token_NL.numpy())
        with torch.inference_mode():
            expected_ND = theirs[0].encode_text(token_NL)
            torch.testing.assert_close(vit.texts(token_NL), expected_ND, rtol=1e-4, atol=1e-5)
        unit_ND = expected_ND / expected_ND.norm(dim=1, keepdim=True)
        np.testing.assert_allclose(vit.text_vectors(TEXTS), unit_ND.numpy(), atol=1e-5)

    @pytest.mark.parametrize("size", [(224, 224), (300, 400), (231, 225), (90, 60)])
    def test_pictures_are_what_it_encodes(self, vit, theirs, size):
        model, transform = theirs
        picture = photo(*size)
        with torch.inference_mode():
            expected_1D = model.encode_image(transform(Image.fromarray(picture))[None])
        unit_1D = expected_1D / expected_1D.norm(dim=1, keepdim=True)
        np.testing.assert_allclose(vit.image_vectors([picture]), unit_1D.numpy(), atol=2e-5)

    def test_the_scale_is_its_own(self, vit, theirs):
        assert vit.scale.item() == pytest.approx(theirs[0].logit_scale.exp().item())
        assert (vit.dim, vit.context_length, vit.height, vit.width) == (512, 77, 224, 224)


def test_leaving_out_the_padding_changes_neither_vectors_nor_gradients():
    model = clip.start(TINY, seed=1).double()
    token_NL = torch.from_numpy(model.tokenizer(TEXTS))
    weight_ND = torch.randn(4, model.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for encode in (model.texts, model.model.encode_text):
        model.zero_grad()
        vector_ND = encode(token_NL)
        (vector_ND * weight_ND).sum().backward()
        found.append([vector_ND.detach(), *(value.grad.clone() for value in model.model.text.parameters())])
    for trimmed, whole in zip(*found, strict=True):
        torch.testing.assert_close(trimmed, whole, rtol=1e-10, atol=1e-12)


def test_a_text_tower_that_looks_ahead_is_given_every_column(tmp_path):
    config = {**SMALL, "text_cfg": {**SMALL["text_cfg"], "no_causal_mask": True}}
    model = clip.start(start_file(tmp_path, architecture=config))
    token_NL = torch.from_numpy(model.tokenizer(TEXTS))
    assert torch.equal(model.texts(token_NL), model.model.encode_text(token_NL))


def test_frames_are_normalised_as_the_weights_want(tiny):
    frames = torch.randint(0, 256, (2, 3, 48, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    expected = (frames.double() / 255 - torch.tensor(mean)) / torch.tensor(deviation)
    torch.testing.assert_close(tiny.prepare(frames).double(), expected.permute(0, 1, 4, 2, 3), rtol=1e-5, atol=1e-6)


class TestPooling:
    @staticmethod
    def plain(frame_TD, pooling):
        unit_TD = frame_TD / np.linalg.norm(frame_TD, axis=1, keepdims=True)
        if pooling == "mean_unit":
            return unit_TD.mean(axis=0)
        if pooling == "mean":
            mean_D = frame_TD.mean(axis=0)
            return mean_D / np.linalg.norm(mean_D)
        middle_D = unit_TD.mean(axis=0) / np.linalg.norm(unit_TD.mean(axis=0))
        weight_T = np.exp(10 * unit_TD @ middle_D)
        return weight_T @ unit_TD / weight_T.sum()

    @pytest.mark.parametrize("pooling", ["mean_unit", "mean", "central"])
    def test_it_is_the_plain_formula(self, pooling):
        frame_NTD = np.random.default_rng(0).normal(size=(3, 5, 6)) * np.arange(1, 6)[:, None]
        found_ND = clip.weighed(torch.from_numpy(frame_NTD), pooling).mean(dim=1)
        np.testing.assert_allclose(found_ND, [self.plain(each, pooling) for each in frame_NTD], rtol=1e-12)

    def test_the_variants_differ_and_one_frame_is_itself_in_all(self):
        frame_NTD = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 5)[:, None]
        found = [clip.weighed(frame_NTD, each).mean(dim=1) for each in ("mean_unit", "mean", "central")]
        assert not torch.allclose(found[0], found[2], atol=1e-2)
        cosines = [
            torch.cosine_similarity(one, other).min() for one, other in zip(found, [*found[1:], found[0]], strict=True)
        ]
        assert max(cosines) < 0.999
        alone = [clip.weighed(frame_NTD[:, :1], each).mean(dim=1) for each in ("mean_unit", "mean", "central")]
        torch.testing.assert_close(alone[0], alone[1])
        torch.testing.assert_close(alone[0], alone[2])

    def test_a_clip_is_pooled_from_the_vectors_of_its_frames(self, tiny):
        x_NTCHW = torch.randn(2, 3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            frame_NTD = torch.stack([tiny.images(each) for each in x_NTCHW]).double().numpy()
            found_ND = tiny.clips(x_NTCHW, "mean_unit")
        np.testing.assert_allclose(found_ND, [self.plain(each, "mean_unit") for each in frame_NTD], atol=1e-5)


class TestLongTexts:
    def test_nothing_of_a_long_text_is_left_out(self, tiny):
        assert tiny.tokenizer.count(LONG) > 77  # that it reads
        pieces = tiny.tokenizer.pieces(LONG + "at last he waves")
        assert pieces[-1].endswith("at last he waves")
        parts_PD = tiny.text_vectors(pieces).astype(np.float64)
        expected_D = parts_PD.mean(axis=0) / np.linalg.norm(parts_PD.mean(axis=0))
        found_ND = tiny.text_vectors(["wave", LONG + "at last he waves", "clap"])
        np.testing.assert_allclose(found_ND[1], expected_D, atol=1e-6)
        np.testing.assert_allclose(found_ND[::2], tiny.text_vectors(["wave", "clap"]), atol=1e-6)
        assert not np.allclose(found_ND[1], tiny.text_vectors([LONG + "at last he sits"])[0], atol=1e-4)

    def test_they_are_counted(self, tiny):
        assert tiny.tokenizer.num_cut(["wave", LONG, "clap", LONG]) == 2

    def test_a_matrix_never_cuts_one_short(self, tiny):
        with pytest.raises(DataError, match=r"a text of \d+ tokens, this CLIP reads 77: 'a man wearing"):
            tiny.tokenizer([LONG])

    def test_a_reader_process_can_be_given_the_tokenizer(self, tiny):
        again = pickle.loads(pickle.dumps(tiny.tokenizer))
        assert np.array_equal(again(TEXTS), tiny.tokenizer(TEXTS))
        assert again(TEXTS).dtype == np.int64

    def test_of_nothing_come_no_vectors(self, tiny):
        assert tiny.text_vectors([]).shape == tiny.image_vectors([]).shape == (0, tiny.dim)


def test_another_vocabulary_is_counted_by_its_own_tokenizer(monkeypatch):
    class Theirs:
        """One token a letter."""

        def clean_fn(self, text):
            return text.strip()

        def tokenizer(self, text):
            return {"input_ids": list(text)}

        def __call__(self, texts, context_length):
            return torch.tensor([[ord(sign) for sign in text.ljust(context_length)] for text in texts])

    monkeypatch.setattr(open_clips, "tokenizer", lambda architecture: Theirs())
    mine = Tokenizer("toy-architecture", 8)
    assert mine.pieces("one. two. three") == ["one.", "two.", "three"]
    assert mine(["ab"])[0].tolist() == [97, 98, *[32] * 6]


def test_in_half_precision_the_vectors_are_nearly_the_same(tiny):
    token_NL = torch.from_numpy(tiny.tokenizer(TEXTS))
    x_NCHW = torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = tiny.texts(token_NL), tiny.images(x_NCHW)
        with torch.autocast("cpu", torch.bfloat16):
            half = tiny.texts(token_NL), tiny.images(x_NCHW)
    for one, other in zip(whole, half, strict=True):
        assert torch.cosine_similarity(one, other.float()).min() > 0.999


def test_vectors_are_of_the_model_at_rest_and_leave_it_as_it_was(tmp_path):
    config = {**SMALL, "vision_cfg": {**SMALL["vision_cfg"], "patch_dropout": 0.5}}
    model = clip.start(start_file(tmp_path, architecture=config)).train()
    model.model.text.eval()
    first, again = (model.image_vectors([photo(40, 30)]) for _ in range(2))
    assert np.array_equal(first, again)
    assert model.training
    assert model.model.visual.training
    assert not model.model.text.training


def test_the_seed_draws_the_weights_whatever_ran_before(tmp_path):
    path = start_file(tmp_path)
    first = clip.start(path, seed=1).state_dict()
    torch.manual_seed(99)
    again, other = clip.start(path, seed=1).state_dict(), clip.start(path, seed=2).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.visual.proj"], other["model.visual.proj"])
    assert open_clips.identity(path, 1) == open_clips.identity(path, 1) != open_clips.identity(path, 2)


def test_activations_computed_again_give_the_same_gradients(tmp_path):
    gradients = []
    for on in (False, True):
        model = clip.start(start_file(tmp_path)).train()
        model.checkpoint_gradients(on)
        assert model.model.visual.transformer.grad_checkpointing is on
        x = torch.ones(2, 3, 16, 16)
        (model.images(x).sum() + model.texts(torch.from_numpy(model.tokenizer(TEXTS))).sum()).backward()
        gradients.append([value.grad for value in model.parameters() if value.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


class TestWeightsOfARow:
    @pytest.fixture
    def row(self, tmp_path):
        for seed in (0, 3):
            model = clip.start(start_file(tmp_path), seed)
            clip.save(tmp_path / "row" / f"{seed}.safetensors", model, {"seed": seed, "named_classes": {"demo": [1]}})
        return tmp_path / "row"

    def test_they_come_back_with_what_they_are(self, row, tmp_path):
        found, about = clip.load(row, 3)
        expected = clip.start(tmp_path / "start.json", 3).state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())
        assert about == {"seed": 3, "named_classes": {"demo": [1]}, "architecture": SMALL, "pretrained": None}
        assert all(weight.requires_grad for weight in found.parameters())
        assert open_clips.seeds(row) == [0, 3]
        assert open_clips.seeds(TINY) is None

    def test_a_row_can_be_started_from(self, row):
        assert torch.equal(clip.start(row, 3).model.visual.proj, clip.load(row, 3)[0].model.visual.proj)
        assert open_clips.identity(row, 3) != open_clips.identity(row, 0)

    def test_what_they_began_as_stays_known(self, tmp_path):
        model = clip.start(start_file(tmp_path))
        save_file(model.model.state_dict(), tmp_path / "w.safetensors")
        begun = clip.start(start_file(tmp_path, checkpoint=str(tmp_path / "w.safetensors")))
        clip.save(tmp_path / "row/0.safetensors", begun, {})
        again = clip.start(tmp_path / "row")
        assert again.pretrained == begun.pretrained == str(tmp_path / "w.safetensors")

    def test_a_seed_that_is_not_there_names_those_that_are(self, row):
        with pytest.raises(DataError, match=r"1\.safetensors: no such weights, there are seeds \[0, 3\]"):
            clip.load(row, 1)

    def test_a_folder_without_weights_names_the_stage(self, tmp_path):
        (tmp_path / "demo-gn").mkdir()
        with pytest.raises(DataError, match=r"no weights there; run `dvc repro finetune@demo-gn`"):
            clip.start(tmp_path / "demo-gn")

    def test_weights_of_another_kind_are_refused(self, tmp_path):
        checkpoint.save(tmp_path / "0.safetensors", torch.nn.Linear(2, 2), {"encoder": "stgcn"})
        with pytest.raises(FormatError, match="no weights of CLIP; run `dvc repro finetune`"):
            clip.load(tmp_path, 0)
