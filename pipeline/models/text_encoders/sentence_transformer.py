"""Any sentence-transformers model that is already on this machine, by folder or by name. Nothing is downloaded."""

from pathlib import Path

from pipeline.core import params
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import folder_digest
from pipeline.models.text_encoders.shared import SentenceEncoder


class Params(params.Params):
    """Which model."""

    name: str  # a folder, or a name such as "all-mpnet-base-v2" whose files are in the Hugging Face cache


def encoder(params: Params, *, num_threads: int) -> SentenceEncoder:
    """The named model. Raises DataError if it is not here, FormatError if its weights are not safetensors."""
    folder = _folder(params.name)
    _check_weights(folder)
    return SentenceEncoder(folder, folder_digest(folder), num_threads)


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    full_name = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(snapshot_download(full_name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        raise DataError(
            f"text encoder '{name}': no such folder, and no such model in the Hugging Face cache; "
            f"run `hf download {full_name}` once, or give a folder"
        ) from None


def _check_weights(folder: Path) -> None:
    """Refuse weights that could only be read by unpickling."""
    if not any(folder.rglob("*.safetensors")):
        raise FormatError(f"{folder}: no *.safetensors below it; only models with safetensors weights are read")
    for pickled in sorted(folder.rglob("*.bin")):
        if not any(pickled.parent.glob("*.safetensors")):
            raise FormatError(f"{pickled}: pickled weights; only safetensors are read, convert the file")
