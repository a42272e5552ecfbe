"""The page of a finetune row."""

from typing import Any

from pipeline.reporting import finetune


def page_text(shares: list[float]) -> list[str]:
    history: list[dict[str, float]] = [{"epoch": 0}]
    history += [{"epoch": epoch, "replaced": share} for epoch, share in enumerate(shares, 1)]
    about: dict[str, Any] = {"seed": 4, "start": "a", "named_classes": {}, "pretrained": None, "share": 1.0}
    return finetune.page("k", [{**about, "history": history, "kept": {}, "shares": [], "mixed": []}], {}).text


def test_pictures_that_were_replaced_are_told_where_there_were_any() -> None:
    assert page_text([0.25, 0.75])[-1].endswith("does not decode: seed 4: 50.000%.")
    assert len(page_text([0.0, 0.0])) == len(page_text([])) == 2
