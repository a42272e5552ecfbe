"""Every function, class, method and field of the code is used by the code: a use by tests alone is none.

What runs without being named in Python stands below with the reason, and leaves the list when the code needs it no
more. Imports are ruff's.
"""

from pathlib import Path

import pytest
from vulture import Vulture

ROOT = Path(__file__).parents[1]
# Called through their decorators, or by the libraries that the class is made for.
DECORATORS = ["@*.command", "@*.callback", "@model_validator", "@field_validator"]
NAMES = ["model_config"]  # pydantic reads it
LIBRARY = "an attribute of a library's object, which the library reads"
TEMPLATE = "templates of the report read it"
# Their classes say what a file holds, field by field, whoever reads it.
FIELDS_OF_FILES = {"pipeline/core/schemas.py", "pipeline/graphs/scene.py", "pipeline/reporting/evidence.py"}
ALIVE: dict[str, dict[str, str]] = {
    "pipeline/__init__.py": {"__getattr__": "Python calls it for names that are loaded when asked for"},
    "pipeline/core/yaml_text.py": {"ignore_aliases": "PyYAML asks its dumpers for it"},
    "pipeline/datasets/shared.py": {
        "terms": "every dataset must say them, for whoever reads its file",
        "published_by": "every dataset must say it, for whoever reads its file",
    },
    "pipeline/evaluation/metrics.py": {
        "top5_ci95": "tables.figures reads it by its name",
        "class_mean_ci95": "tables.figures reads it by its name",
    },
    "pipeline/formats/shared.py": {"Recording": "the protocol of what readers give"},
    "pipeline/formats/unpickling.py": dict.fromkeys(
        (
            *("find_class", "metastack", "proto", "load_frame", "load_get", "load_long_binget", "load_append"),
            *("load_appends", "load_setitem", "load_setitems", "load_dict", "load_reduce", "load_build"),
            *("load_unicode", "load_binunicode", "load_short_binunicode", "load_binunicode8", "load_bytearray8"),
        ),
        "pickle's machine calls or reads it",
    ),
    "pipeline/formats/video.py": dict.fromkeys(("pix_fmt", "thread_count", "qmax"), LIBRARY),
    "pipeline/models/encoder.py": {"__call__": "the protocol of torch modules"},
    "pipeline/models/encoder_cost.py": {"_should_skip_dynamo": "torch asks its dispatch modes for it"},
    "pipeline/models/methods/tdsm.py": {"round_": "a parameter of every loss that `descend` is given"},
    "pipeline/models/rest/architectures.py": {"avgpool": "a module of torchvision's network"},
    "pipeline/recognition/__init__.py": {"__getattr__": "Python calls it for names that are loaded when asked for"},
    "pipeline/reporting/charts.py": dict.fromkeys(("signed_bars", "swatch"), TEMPLATE),
    "pipeline/core/pages.py": {"reference": TEMPLATE},
    "pipeline/evaluation/paired.py": {"is_partial": TEMPLATE},
    "pipeline/reporting/audit.py": dict.fromkeys(("num_excepted", "num_open", "num_passed"), TEMPLATE),
    "pipeline/reporting/downloads.py": {"href": TEMPLATE},
    "pipeline/reporting/gallery.py": {"num_answers": TEMPLATE},
    "pipeline/reporting/heat_maps.py": {"heat_map": TEMPLATE},
    "pipeline/reporting/matrix.py": {"is_best": TEMPLATE},
    "pipeline/reporting/ranking.py": {"num_left_out": TEMPLATE},
    "pipeline/reporting/verdict.py": dict.fromkeys(
        ("are_methods", "covers_chance", "is_pretrained", "standing"), TEMPLATE
    ),
    "pipeline/reporting/scatter.py": {"swatch": TEMPLATE},
    "pipeline/reporting/site.py": dict.fromkeys(("filters", "globals"), LIBRARY),
    "pipeline/reporting/views.py": {"tone": TEMPLATE},
    "pipeline/transfer/side_constraints.py": dict.fromkeys(("random_seed", "max_deterministic_time"), LIBRARY),
}


@pytest.fixture(scope="module")
def unused() -> dict[tuple[str, str], int]:
    """File and name of all that nothing uses, with its line."""
    finder = Vulture(ignore_names=NAMES, ignore_decorators=DECORATORS)
    finder.scavenge([str(ROOT / "pipeline"), str(ROOT / "stages")])
    found = {
        (item.filename.relative_to(ROOT).as_posix(), item.name): (item.typ, item.first_lineno)
        for item in finder.get_unused_code(min_confidence=60)
    }
    return {
        (file, name): line
        for (file, name), (kind, line) in found.items()
        if kind != "import" and not (kind == "variable" and file in FIELDS_OF_FILES)
    }


def test_no_code_is_dead(unused: dict[tuple[str, str], int]) -> None:
    known = {(file, name) for file, names in ALIVE.items() for name in names}
    dead = [f"{file}:{line}: {name}" for (file, name), line in sorted(unused.items()) if (file, name) not in known]
    assert not dead, "delete what nothing uses:\n" + "\n".join(dead)


def test_what_is_said_to_be_alive_is_there_and_would_be_missed(unused: dict[tuple[str, str], int]) -> None:
    assert [(file, name) for file, names in ALIVE.items() for name in names if (file, name) not in unused] == []
