"""The contract of a text encoder, and sentence-transformers."""

# Shapes: N texts, D numbers a vector.
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from pipeline.core import members, params
from pipeline.core.errors import DataError

Vectors = npt.NDArray[np.float32]


class TextEncoder(Protocol):
    """Sentences -> vectors. A sentence's vector does not depend on the others."""

    @property
    def weights_hash(self) -> str:
        """SHA-256 that names the weights."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D), row i of text i."""
        ...


@runtime_checkable
class SplittingEncoder(Protocol):
    """A text encoder that splits texts that are too long for it."""

    def num_cut(self, texts: Sequence[str]) -> int:
        """How many of the texts are split."""
        ...


class Member(Protocol):
    """What each file of this folder offers."""

    Params: type[params.Params]

    def encoder(self, params: params.Params, *, num_threads: int) -> TextEncoder:
        """The encoder of these params."""
        ...


@runtime_checkable
class TrainedMember(Member, Protocol):
    """A file whose weights come from a path; its Params have `weights` and `seed`."""

    def seeds(self, weights: Path) -> list[int] | None:
        """The seeds whose weights are there; None where weights have no seed."""
        ...


def member(name: str) -> Member:
    """A file of this folder, by name. ParamsError, listing the files, for an unknown name."""
    return cast(Member, members.load("pipeline.models.text_encoders", name))


class SentenceEncoder:
    """A sentence-transformers model in a local folder, loaded at the first use: the import costs seconds."""

    def __init__(self, folder: Path, weights_hash: str, num_threads: int) -> None:
        self.folder = folder
        self.weights_hash = weights_hash
        self.num_threads = num_threads  # of torch; another number may change last bits
        self._model: Any = None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D) of the model. Raises DataError for a text that the model would truncate."""
        self._model = self._model or _loaded(self.folder, self.num_threads)
        # One at a time: a batch is padded to its longest text, and padding changes the last bits of the others.
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        num_tokens = len(self._model.tokenizer(text)["input_ids"])
        limit = self._model.max_seq_length
        if limit is not None and num_tokens > limit:
            raise DataError(
                f"a text of {num_tokens} tokens, the encoder reads {limit}; shorten it or make it several texts: "
                f"{text[:60]!r}"
            )
        vector: Vectors = self._model.encode(text, convert_to_numpy=True, show_progress_bar=False)
        return vector.astype(np.float32, copy=False)


def _loaded(folder: Path, num_threads: int) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # read at import: nothing is downloaded, whatever the folder names
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    torch.set_num_threads(num_threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: not a sentence-transformers model: {' '.join(str(error).split())}") from None
