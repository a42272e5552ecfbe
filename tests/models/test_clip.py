"""The wrapper against open_clip itself, and what it adds: long texts, clips of frames, refusals."""

# Shapes: N pictures, clips or texts, T frames, L tokens, D size of a vector.
import json
import os
import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.models import checkpoint, clip, open_clips
from pipeline.models.tokenizer import Tokenizer
from pipeline.text.clip_tokens import CONTEXT

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


def test_the_named_start_files_are_those_of_the_paper_with_a_tag_that_open_clip_knows():
    import open_clip

    named = {"ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-H-14"}
    assert {path.stem for path in CLIPS.iterdir()} == named | {"unseen-tiny"}
    for name in named:
        said = open_clips.read_start(CLIPS / f"{name}.json")
        assert said.architecture == name
        assert said.pretrained in open_clip.list_pretrained_tags_by_model(name)


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


def test_a_checkpoint_of_open_clips_own_class_is_read(tmp_path):
    import open_clip

    theirs = open_clip.CLIP(**SMALL)  # its text tower is no module of its own
    state = {f"module.{name}": value for name, value in theirs.state_dict().items()}  # of a model on several devices
    torch.save({"state_dict": state}, tmp_path / "w.pt")
    found = clip.start(start_file(tmp_path, checkpoint=str(tmp_path / "w.pt")))
    token_NL = torch.from_numpy(found.tokenizer(TEXTS))
    torch.testing.assert_close(found.texts(token_NL), theirs.eval().encode_text(token_NL))
    assert found.pretrained == str(tmp_path / "w.pt")


def test_a_tag_is_read_from_the_local_cache_with_its_colours(tmp_path, monkeypatch):
    snapshot = tmp_path / "hub/models--toy--small/snapshots/abc"
    snapshot.mkdir(parents=True)
    (tmp_path / "hub/models--toy--small/refs").mkdir()
    (tmp_path / "hub/models--toy--small/refs/main").write_text("abc")
    expected = clip.start(start_file(tmp_path), seed=9).model.state_dict()
    save_file(expected, snapshot / "open_clip_model.safetensors")
    of_tag = {"hf_hub": "toy/small/", "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(open_clips, "_tag", lambda architecture, tag: of_tag)
    path = start_file(tmp_path, pretrained="web")
    found = clip.start(path)
    assert all(torch.equal(value, expected[name]) for name, value in found.model.state_dict().items())
    assert found.pretrained == "web"
    torch.testing.assert_close(found.mean_C, torch.tensor([0.1, 0.2, 0.3]))
    torch.testing.assert_close(found.deviation_C, torch.tensor([0.4, 0.5, 0.6]))
    assert open_clips.identity(path, 1) == open_clips.identity(path, 2)  # nothing is drawn
    clip.save(tmp_path / "row/0.safetensors", found, {})
    assert torch.equal(clip.start(tmp_path / "row").mean_C, found.mean_C)


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
        assert tiny.tokenizer.count(LONG) > CONTEXT
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


class Evil:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


class TestRefusals:
    """Each one line that says what to do."""

    @staticmethod
    def refusal(error, path):
        with pytest.raises(error) as caught:
            clip.start(path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_an_unknown_architecture_lists_near_names(self, tmp_path):
        message = self.refusal(ParamsError, start_file(tmp_path, architecture="vit-b32"))
        assert "no architecture 'vit-b32'; near it are ['ViT-B-32'" in message

    def test_an_architecture_given_badly(self, tmp_path):
        assert "cannot build the architecture" in self.refusal(ParamsError, start_file(tmp_path, architecture={"a": 1}))

    def test_an_unknown_tag_lists_those_there_are(self, tmp_path):
        path = start_file(tmp_path, architecture="ViT-B-32", pretrained="laion9b")
        assert "no pretrained tag 'laion9b', only ['openai'" in self.refusal(ParamsError, path)

    def test_a_tag_of_another_activation_names_the_architecture(self, tmp_path):
        path = start_file(tmp_path, architecture="ViT-B-32", pretrained="openai")
        assert "name the architecture 'ViT-B-32-quickgelu'" in self.refusal(ParamsError, path)

    def test_a_tag_that_is_not_on_this_machine_says_what_to_run_and_reaches_for_nothing(self, tmp_path, monkeypatch):
        def reached(*_):
            raise AssertionError("the network was reached for")

        monkeypatch.setattr(socket.socket, "connect", reached)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
        path = start_file(tmp_path, architecture="ViT-H-14", pretrained="laion2b_s32b_b79k")
        message = self.refusal(DataError, path)
        assert "run `hf download laion/CLIP-ViT-H-14-laion2B-s32B-b79K open_clip_model.safetensors` once" in message

    def test_a_missing_checkpoint(self, tmp_path):
        path = start_file(tmp_path, checkpoint="no/such.pt")
        assert "no/such.pt: no such file; expected weights of a CLIP" in self.refusal(FormatError, path)

    def test_a_pickle_with_code_is_not_run(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        torch.save({"state_dict": Evil()}, "w.pt")
        message = self.refusal(FormatError, start_file(tmp_path, checkpoint="w.pt"))
        assert "w.pt: a pickle that holds code or other values" in message
        assert not Path("pwned").exists()

    @pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
    @pytest.mark.parametrize("content", [b"", b"noise" * 40, b"PK\x03\x04" + b"\0" * 60])
    def test_a_damaged_checkpoint(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        assert name in self.refusal(FormatError, start_file(tmp_path, checkpoint=str(tmp_path / name)))

    @pytest.mark.parametrize("value", [3, [torch.ones(2)], {}, {"a": 1}, {"state_dict": {"a": "b"}}])
    def test_a_file_of_something_else(self, tmp_path, value):
        torch.save(value, tmp_path / "w.pt")
        assert "holds no weights by name" in self.refusal(
            FormatError, start_file(tmp_path, checkpoint=str(tmp_path / "w.pt"))
        )

    def weights(self, tmp_path, **changes):
        state = clip.start(start_file(tmp_path)).model.state_dict() | changes
        state = {name: value for name, value in state.items() if value is not None}
        save_file(state, tmp_path / "w.safetensors")
        return start_file(tmp_path, checkpoint=str(tmp_path / "w.safetensors"))

    def test_a_wrong_shape_names_the_weight(self, tmp_path):
        path = self.weights(tmp_path, **{"visual.proj": torch.zeros(4, 8)})
        assert "visual.proj has the shape (4, 8), the architecture's is (16, 8)" in self.refusal(FormatError, path)

    def test_a_missing_weight_is_named(self, tmp_path):
        assert "lacks visual.proj; is it" in self.refusal(FormatError, self.weights(tmp_path, **{"visual.proj": None}))

    def test_an_unknown_weight_is_named(self, tmp_path):
        path = self.weights(tmp_path, **{"visual.head": torch.zeros(2)})
        assert "the architecture has not, visual.head; is it" in self.refusal(FormatError, path)

    @pytest.mark.parametrize(
        "content",
        ["{", "[]", '{"architecture": "ViT-B-32"}', '{"architecture": 3, "pretrained": null, "checkpoint": null}'],
    )
    def test_what_is_no_start_file(self, tmp_path, content):
        (tmp_path / "start.json").write_text(content)
        assert "start file of CLIP" in self.refusal(FormatError, tmp_path / "start.json")

    def test_a_start_from_a_tag_and_a_file(self, tmp_path):
        path = start_file(tmp_path, pretrained="openai", checkpoint="w.pt")
        assert "names both a tag" in self.refusal(FormatError, path)

    def test_a_start_file_that_is_not_there(self, tmp_path):
        assert "no such file; expected a start file of CLIP" in self.refusal(FormatError, tmp_path / "ViT-B-31.json")
