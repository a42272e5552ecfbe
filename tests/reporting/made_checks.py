"""Hand-made checks of the leak audit, as evaluate records them: passed, an exception, and nothing to compare."""

from typing import Any


def checks(selection: str, num_seen: int = 3, num_unseen: int = 4) -> list[dict[str, Any]]:
    """Three checks; that of the setting is an exception where it was chosen on the test clips."""
    return [
        _check("training classes", f"{num_seen} classes with {num_unseen} unseen classes", True, "None is the same."),
        _check("choice of the setting", "2 settings", selection != "oracle", "Chosen."),
        _check("paired clips", "no clip", None, "The encoder was not bound to other senses."),
    ]


def _check(name: str, compared: str, passed: bool | None, detail: str) -> dict[str, Any]:
    return {"name": name, "compared": compared, "passed": passed, "detail": detail}
