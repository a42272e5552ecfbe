"""The losses of a batch of CLIP and decoder, against the formulas in float64."""

# Shapes: N pairs, T frames, K false texts, D size of a vector.
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core.params import Params
from pipeline.models import clip as clips
from pipeline.training.image_text import ImageTextModel, Objective, loss_of

START = Path("pipeline/models/clips/unseen-tiny.json")
DECODER = {"dim": 32, "depth": 1, "heads": 2}
MASKED = {"decoder": DECODER, "masking": "graph", "share": 0.5, "ratio": 1.0, "masked_input": "mask_token"}
GN = {"weight": 2.0, "scale": "paper"}


@pytest.fixture(scope="module")
def clip() -> clips.Clip:
    return clips.start(START)


def objective(**changed: Any) -> Objective:
    plain = {"pooling": "mean_unit", "negatives": None, "reconstruction": None}
    return Objective.model_validate({**plain, **changed})


def batch(clip: clips.Clip, num: int = 6, num_frames: int = 2) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(3)
    texts = [f"a {word} ball on a table" for word in ("red", "blue", "green", "black", "white", "small")][:num]
    false = [
        [f"a table on a {word} ball", f"a {word} cup"] for word in ("red", "blue", "green", "black", "white", "small")
    ]
    has_NK = np.array([[True, True], [True, False], [False, False], [True, True], [False, False], [True, False]])[:num]
    tokens_NKL = np.stack([clip.tokenizer(pair) for pair in false[:num]])
    boxes = np.zeros((num, num_frames, 1, 4), np.float32)
    boxes[:3, :, 0] = 0.1, 0.1, 0.4, 0.6
    arrays = {
        "frames": random.integers(0, 255, (num, num_frames, clip.height, clip.width, 3), dtype=np.uint8),
        "tokens": clip.tokenizer(texts),
        "negatives": np.where(has_NK[:, :, None], tokens_NKL, 0),
        "has_negative": has_NK,
        "action_boxes": boxes,
        "has_graph": np.array([True, True, True, True, False, False])[:num],
    }
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def vectors(clip: clips.Clip, some: dict[str, torch.Tensor]) -> tuple[Any, Any, Any]:
    """Unit vectors of pictures, captions and false texts, each computed alone, float64."""
    with torch.no_grad():
        image = clip.clips(clip.prepare(some["frames"]), "mean_unit")
        text = clip.texts(some["tokens"])
        false = torch.stack([clip.texts(row) for row in some["negatives"]])
    return tuple(torch.nn.functional.normalize(each.double(), dim=-1).numpy() for each in (image, text, false))


def test_the_contrastive_loss_is_eq_2(clip: clips.Clip) -> None:
    some = batch(clip)
    loss, metrics = loss_of(objective())(ImageTextModel(clip, objective()).eval(), some)
    image, text, _ = vectors(clip, some)
    logits = float(clip.scale.detach()) * image @ text.T
    rows = np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)
    columns = np.log(np.exp(logits).sum(axis=0)) - np.diag(logits)
    assert loss.item() == pytest.approx((rows.mean() + columns.mean()) / 2, abs=1e-5)
    assert set(metrics) == {"contrastive"}


def test_rows_in_the_place_of_broken_ones_are_counted(clip: clips.Clip) -> None:
    some = batch(clip) | {"replaced": torch.tensor([True, False, False, False, False, True])}
    metrics = loss_of(objective())(ImageTextModel(clip, objective()).eval(), some)[1]
    assert float(metrics["replaced"]) == pytest.approx(2 / 6)


@pytest.mark.parametrize("scale", ["paper", "logit"])
def test_negatives_are_weighed_as_eq_4_says(clip: clips.Clip, scale: str) -> None:
    some, how = batch(clip), objective(negatives={"weight": 2.0, "scale": scale})
    loss, metrics = loss_of(how)(ImageTextModel(clip, how).eval(), some)
    image, text, false = vectors(clip, some)
    factor = float(clip.scale.detach()) if scale == "logit" else 1.0
    right = (image * text).sum(axis=1)
    items = []
    for n, has in enumerate(some["has_negative"].numpy()):
        pairs = [np.log1p(np.exp(factor * (image[n] @ false[n, k] - right[n]))) for k in np.flatnonzero(has)]
        items += [np.mean(pairs)] if pairs else []
    assert float(metrics["negatives"]) == pytest.approx(np.mean(items), abs=1e-5)
    assert loss.item() == pytest.approx(float(metrics["contrastive"]) + 2 * np.mean(items), abs=1e-5)


def test_a_batch_without_negatives_has_none_of_that_loss(clip: clips.Clip) -> None:
    some, how = batch(clip), objective(negatives=GN)
    some["has_negative"][:] = False
    loss, metrics = loss_of(how)(ImageTextModel(clip, how).eval(), some)
    assert float(metrics["negatives"]) == 0
    loss.backward()
    clip.zero_grad()


def test_padding_changes_nothing(clip: clips.Clip) -> None:
    some, how = batch(clip), objective(negatives=GN)
    model = ImageTextModel(clip, how).eval()
    before = loss_of(how)(model, some)[0]
    some["negatives"][~some["has_negative"]] = 7
    assert torch.equal(before, loss_of(how)(model, some)[0])


def test_only_graph_pairs_are_rebuilt_and_only_their_action_boxes_hidden(clip: clips.Clip) -> None:
    some, how = batch(clip), objective(reconstruction={"weight": 0.5, "autoencoder": MASKED})
    torch.manual_seed(0)
    model = ImageTextModel(clip, how).eval()
    seen = model(some)
    grid = clip.model.visual.grid_size
    assert float(seen["fell_back"]) == 1 / 4  # the fourth graph pair has no boxes
    assert 0 < float(seen["parts"]) < 4 * 2 * grid[0] * grid[1]
    loss, metrics = loss_of(how)(model, some)
    assert loss.item() == pytest.approx(
        float(metrics["contrastive"]) + 0.5 * float(metrics["reconstruction"]), abs=1e-5
    )
    general = {name: array[4:] for name, array in some.items()}
    assert float(loss_of(how)(model, general)[1]["reconstruction"]) == 0


def test_without_masking_one_pass_gives_the_same_vectors(clip: clips.Clip) -> None:
    some = batch(clip)
    none = objective(reconstruction={"weight": 1.0, "autoencoder": {**MASKED, "masking": "none"}})
    found = ImageTextModel(clip, none).eval()(some)["image"]
    assert torch.allclose(found, clip.clips(clip.prepare(some["frames"]), "mean_unit"), atol=1e-5)


def test_draws_follow_torch_s_seed(clip: clips.Clip) -> None:
    some, how = batch(clip), objective(reconstruction={"weight": 1.0, "autoencoder": {**MASKED, "masking": "random"}})
    model = ImageTextModel(clip, how).eval()

    def error(seed: int) -> float:
        torch.manual_seed(seed)
        return model(some)["error"].item()

    assert error(1) == error(1)
    assert error(1) != error(2)


def test_every_loss_reaches_the_weights(clip: clips.Clip) -> None:
    how = objective(negatives=GN, reconstruction={"weight": 1.0, "autoencoder": MASKED})
    model = ImageTextModel(clip, how).train()
    loss_of(how)(model, batch(clip))[0].backward()
    without = [name for name, weight in model.named_parameters() if weight.grad is None]
    clip.zero_grad()
    assert without == []


def test_what_no_row_may_say_is_refused() -> None:
    with pytest.raises(ValueError, match="Input should be 'paper' or 'logit'"):
        objective(negatives={"weight": 1.0, "scale": "temperature"})
    assert issubclass(Objective, Params)


@pytest.mark.parametrize("masking", ["none", "random", "graph"])
@pytest.mark.parametrize("masked_input", ["mask_token", "dropped"])
def test_a_batch_without_graph_pairs_gives_the_decoder_gradients_of_0(
    clip: clips.Clip, masking: str, masked_input: str
) -> None:
    some = batch(clip)
    some["has_graph"][:] = False
    masked = {**MASKED, "masking": masking, "masked_input": masked_input}
    how = objective(reconstruction={"weight": 1.0, "autoencoder": masked})
    model = ImageTextModel(clip, how).train()
    assert model.autoencoder is not None
    loss, metrics = loss_of(how)(model, some)
    loss.backward()
    assert metrics["reconstruction"].item() == 0
    gradients = [weight.grad for weight in model.autoencoder.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)
    clip.zero_grad()


def test_a_logit_scale_at_its_bound_can_leave_it(clip: clips.Clip) -> None:
    some = batch(clip)
    scale = clip.model.logit_scale
    before = scale.detach().clone()
    with torch.no_grad():
        scale.fill_(4.6052)  # a little more than ln 100
    loss, _ = loss_of(objective())(ImageTextModel(clip, objective()).train(), some)
    loss.backward()
    assert scale.grad is not None
    assert scale.grad.abs().item() > 0
    assert clip.scale.item() == pytest.approx(100, abs=1e-3)
    clip.zero_grad()
    with torch.no_grad():
        scale.copy_(before)


def test_the_share_of_pairs_without_boxes_is_told(clip: clips.Clip) -> None:
    how = objective(reconstruction={"weight": 1.0, "autoencoder": MASKED})
    metrics = loss_of(how)(ImageTextModel(clip, how).eval(), batch(clip))[1]
    assert metrics["fell_back"].item() == pytest.approx(1 / 4)
