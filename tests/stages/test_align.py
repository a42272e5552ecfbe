import pytest
import yaml

from pipeline.core import scores
from pipeline.core.errors import ParamsError
from stages import align
from tests import toy

PARAMS = {
    "align": {
        "compute": {"num_threads": 1},
        "methods": {"ridge": {"label": {"text_type": "label", "centre": "none", "lambdas": [1.0]}}},
        "rows": {
            "toy-skeleton-stgcn-ridge": {
                "dataset": "toy",
                "split_table": "random",
                "features": "extract/toy.zarr",
                "embeddings": "toy-minilm",
                "method": "ridge",
                "variant": "label",
                "splits": ["s0"],
                "seeds": [0],
                "refit": "seen",
                "max_missing": 0.0,
                "spaces": ["unseen", "all"],
                "explained": False,
                "selection": "val",
                "num_folds": None,
                "refit_features": "extract/toy.zarr/zarr.json",
            }
        },
    }
}


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    toy.write_task(tmp_path)
    names = {
        "features": "f.zarr",
        "refit_features": "f.zarr/zarr.json",
        "embeddings": "t.zarr",
        "split": "s.parquet",
        "out": "out",
    }
    return {name: tmp_path / file for name, file in names.items()}


def test_a_row_of_params_becomes_a_folder_of_scores(options):
    align.main(row="toy-skeleton-stgcn-ridge", **options)
    assert sorted(path.name for path in options["out"].iterdir()) == [
        "history.csv",
        "page.json",
        "scores.zarr",
        "weights",
    ]
    assert [scored.values.shape for scored in scores.read(options["out"], "align")] == [(2, 1, 4), (2, 1, 1)]


def test_a_row_that_is_not_there_is_said(options):
    with pytest.raises(ParamsError, match=r"has no row 'x'; found \['toy-skeleton-stgcn-ridge'\]"):
        align.main(row="x", **options)
