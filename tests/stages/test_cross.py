"""The cross stage: options in, a folder out, and a start without torch."""

import pytest
import yaml

from pipeline.core import scores
from pipeline.core.errors import ParamsError
from stages import cross
from tests.steps import crossed
from tests.steps.crossed import World

PARAMS = {
    "align": {
        "compute": {"num_threads": 1},
        "methods": {"ridge": {"label": {"text_type": "label", "centre": "none", "lambdas": [0.01, 1.0]}}},
    },
    "transfer": {"folds": {"num_folds": 2, "seed": 0}, "page": {"num_clips": 4, "num_graphs": 0}},
    "cross": {
        "rows": {
            "composed": crossed.ROW,
            "learnt": crossed.ROW | {"how": {"method": "ridge", "variant": "label"}},
            "untold": crossed.ROW | {"how": {"method": "ridge", "variant": "other"}},
        }
    },
}


@pytest.fixture
def options(tmp_path, monkeypatch):
    world = World(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    places = {"source": world.yard, "target": world.park}
    found = {
        side: (place.inputs.features, place.inputs.embeddings, place.inputs.split, place.prompts)
        for side, place in places.items()
    }
    return {**found, "out": tmp_path / "out"}


@pytest.mark.parametrize(
    ("row", "files"),
    [
        ("composed", {"history.csv", "page.json", "programs.json", "scores.zarr"}),
        ("learnt", {"history.csv", "page.json", "scores.zarr", "weights"}),
    ],
)
def test_a_row_of_params_becomes_a_folder_of_scores(options, row, files):
    cross.main(row=row, **options)
    assert files <= {path.name for path in options["out"].iterdir()}
    found = scores.read(options["out"], "cross")
    assert [(one.provenance.split, one.values.shape[::2]) for one in found] == [("full", (24, 6)), ("half_0", (12, 3))]


@pytest.mark.parametrize(("row", "told"), [("x", "has no row 'x'"), ("untold", r"align\.methods\.ridge\.other")])
def test_a_row_or_variant_that_is_not_there_is_said(options, row, told):
    with pytest.raises(ParamsError, match=told):
        cross.main(row=row, **options)
