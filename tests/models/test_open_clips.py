"""Where the weights of a CLIP come from, held against open_clip itself; what cannot be used is one line."""

import json
import os
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.models import clip, open_clips

CLIPS = Path(clip.__file__).parent / "clips"
SMALL = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}


def start_file(folder, **said):
    path = folder / "start.json"
    path.write_text(json.dumps({"architecture": SMALL, "pretrained": None, "checkpoint": None, **said}))
    return path


def test_the_named_start_files_are_those_of_the_paper_with_a_tag_that_open_clip_knows():
    import open_clip

    named = {"ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-H-14"}
    assert {path.stem for path in CLIPS.iterdir()} == named | {"unseen-tiny"}
    for name in named:
        said = open_clips.read_start(CLIPS / f"{name}.json")
        assert said.architecture == name
        assert said.pretrained in open_clip.list_pretrained_tags_by_model(name)


def test_a_checkpoint_of_open_clips_own_class_is_read(tmp_path):
    import open_clip

    theirs = open_clip.CLIP(**SMALL)  # its text tower is no module of its own
    state = {f"module.{name}": value for name, value in theirs.state_dict().items()}  # of a model on several devices
    torch.save({"state_dict": state}, tmp_path / "w.pt")
    found = clip.start(start_file(tmp_path, checkpoint=str(tmp_path / "w.pt")))
    token_NL = torch.from_numpy(found.tokenizer(["a man", "two women carry a long table"]))
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

    @pytest.mark.filterwarnings(
        "ignore:`torch.jit:FutureWarning"
    )  # what made the released OpenAI files is on its way out
    def test_an_archive_of_torchscript_which_is_code(self, tmp_path):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "w.pt")
        message = self.refusal(FormatError, start_file(tmp_path, checkpoint=str(tmp_path / "w.pt")))
        assert "TorchScript archives" in message
        assert message.endswith("bring them as safetensors")

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
        told = self.refusal(DataError, tmp_path / "ViT-B-31.json")
        assert "no such start file" in told
        assert "ViT-B-32.json" in told


def test_a_text_tower_that_lacks_some_of_clip_s_words_is_refused(tmp_path):
    vision = {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8}
    text = {"context_length": 77, "vocab_size": 1000, "layers": 1, "width": 8, "heads": 2}
    path = tmp_path / "start.json"
    architecture = {"embed_dim": 4, "vision_cfg": vision, "text_cfg": text}
    path.write_text(json.dumps({"architecture": architecture, "pretrained": None, "checkpoint": None}))
    with pytest.raises(ParamsError, match="vocab_size is 1000, CLIP's vocabulary has 49408"):
        clip.start(path)
