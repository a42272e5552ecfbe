import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.feature_transform import FeatureTransform

TRAINING_ND = np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 4.0], [5.0, 5.0, 8.0]], np.float32)
OTHER_ND = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("form", "expected_ND"),
    [
        ("raw", OTHER_ND),
        ("unit", [[0.6, 0.8, 0.0], [0.0, 0.0, 0.0]]),
        ("log1p", np.log1p(OTHER_ND)),
        ("standardised", [[0.0, 0.0, -(1.5**0.5)], [-3 / (8 / 3) ** 0.5, 0.0, -(1.5**0.5)]]),
    ],
)
def test_features_are_taken_in_in_the_form_that_is_asked_for(form, expected_ND):
    found_ND = FeatureTransform(form, TRAINING_ND)(torch.from_numpy(OTHER_ND))
    np.testing.assert_allclose(found_ND.numpy(), expected_ND, atol=1e-6)


def test_features_without_a_logarithm_are_refused():
    intake = FeatureTransform("log1p", TRAINING_ND)
    assert intake(torch.full((1, 3), -0.5)).isfinite().all()
    with pytest.raises(DataError, match=r"go down to -1\.5; set features to standardised"):
        intake(torch.tensor([[0.0, -1.5, 3.0]]))


@pytest.mark.parametrize("form", ["raw", "unit", "log1p", "standardised"])
def test_no_features_are_none_in_any_form(form):
    assert FeatureTransform(form, TRAINING_ND)(torch.empty(0, 3)).shape == (0, 3)
