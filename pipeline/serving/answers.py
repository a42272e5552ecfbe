"""What the worker answers: the vector and the picture of a clip, ranked labels, nearest clips."""

# Shapes: D size of the hub's vectors, x_CT a prepared clip.
import base64
import contextlib
import io
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import joints
from pipeline.core.errors import DataError, UnseenError
from pipeline.core.prepared import ClipArrays
from pipeline.models.methods.shared import Array, unit
from pipeline.recognition import files
from pipeline.recognition.labels import typed
from pipeline.recognition.recogniser import Recogniser
from pipeline.recognition.stored import Stored
from pipeline.reporting import clip_strips
from pipeline.serving import uploads

_NUM_FRAMES, _HEIGHT, _NUM_COLOURS = 16, 240, 64
_MAX_LISTED = 50

Answer = dict[str, Any]
Bounded = Callable[[], AbstractContextManager[None]]


class Answers:
    """One training of bind, asked by verb; `bounded` limits the memory of reading a file from outside."""

    def __init__(self, recogniser: Recogniser, bounded: Bounded) -> None:
        self._recogniser, self._bounded = recogniser, bounded
        self._stored: Callable[[str], Stored] = cache(lambda sense: recogniser.stored([sense])[0])
        self._arrays: Callable[[Path], ClipArrays] = cache(ClipArrays)
        self._verbs: dict[str, Callable[..., Answer]] = {
            "about": self._about,
            "clip": self._clip,
            "clips": self._clips,
            "pick": self._pick,
            "motion": self._motion,
            "rank": self._rank,
            "search": self._search,
        }

    @classmethod
    def load(cls, folder: Path, split: str, seed: int, bounded: Bounded) -> "Answers":
        """Over the row in a folder."""
        return cls(Recogniser.load(folder, split, seed), bounded)

    def answer(self, question: Answer) -> Answer:
        """The answer to one question, a verb and its values."""
        values = dict(question)
        return self._verbs[values.pop("verb")](**values)

    def _about(self) -> Answer:
        """The senses, and the endings of their files."""
        row = self._recogniser.row
        senses = []
        for name, modality in self._recogniser.modalities().items():
            forms = files.FORMS.get(modality)
            endings = [*forms.files, *([".png"] if forms.folder else [])] if forms else []
            arrays = [ending for ending in uploads.with_layout() if ending in endings]
            senses.append({"name": name, "modality": modality, "endings": endings, "arrays": arrays})
        return {"row": row.folder.name, "split": row.split, "seed": row.seed, "senses": senses}

    def _clip(self, sense: str, path: str, shown: str) -> Answer:
        """An uploaded clip: its vector, its frames, and what was said while it was read."""
        loaded, said = self._recogniser.sense(sense), io.StringIO()
        loaded.mapped.clear()  # so that every clip is told of
        try:
            with contextlib.redirect_stderr(said), self._bounded():
                x_CT = loaded.prepared(Path(path))
        except UnseenError as error:
            raise DataError(_told(error, path, shown)) from None
        notes = _told(said.getvalue(), path, shown).splitlines()
        return {"vector": loaded.encoded(x_CT).tolist(), "motion": _drawn(x_CT, loaded.layout), "notes": notes}

    def _clips(self, sense: str, part: str) -> Answer:
        """Some of the clips of a sense whose id has a part, and how many there are."""
        wanted = part.casefold().strip()
        ids = [clip_id for clip_id in self._stored(sense).ids if wanted in clip_id.casefold()]
        return {"clips": ids[:_MAX_LISTED], "num_clips": len(ids)}

    def _pick(self, sense: str, clip: str) -> Answer:
        """A clip of the pipeline: its vector and its frames."""
        stored = self._stored(sense)
        if clip not in stored.ids:
            raise DataError(f"'{clip}': no clip of {sense} has this id; choose one of the list")
        vector_D = stored.rows([stored.ids.index(clip)])[0]
        return {"vector": vector_D.tolist(), "notes": [], **self._motion(sense, clip)}

    def _motion(self, sense: str, clip: str) -> Answer:
        """The frames of a clip of the pipeline, or None where its prepared arrays are gone."""
        path = self._recogniser.arrays(sense)
        arrays = self._arrays(path) if path.is_dir() else None
        if arrays is None or clip not in arrays.ids:
            return {"motion": None}
        x_CT = arrays[[arrays.ids.index(clip)]][0]
        return {"motion": _drawn(x_CT, arrays.store.attrs["layout"])}

    def _rank(self, vector: list[float], labels: str) -> Answer:
        prompts_of = typed(labels)
        label_KD = self._recogniser.texts(prompts_of)
        vector_D = _vector(vector, label_KD.shape[1])
        ranked = self._recogniser.ranked(vector_D, list(prompts_of), label_KD)
        return {"ranked": [label._asdict() for label in ranked]}

    def _search(self, text: str | None, vector: list[float] | None, among: Sequence[str], top: int) -> Answer:
        if vector is not None:
            query_D = _vector(vector, len(vector))
        elif text is not None and text.strip():
            query_D = self._recogniser.texts([text.strip()])[0]
        else:
            raise DataError("nothing to search for: type some words, or choose a clip")
        found = self._recogniser.search(query_D, list(among) or None, top)
        return {"found": [{"clip": one.clip_id, "sense": one.sense, "cosine": one.cosine} for one in found]}


def _told(line: object, path: str, shown: str) -> str:
    """A line about an upload: the clip by the name it was sent with, the layout beside it by its own."""
    return str(line).replace(path, shown).replace(f"{Path(path).parent}{os.sep}", "")


def _vector(values: list[float], dim: int) -> Array:
    """A unit vector (D) that the page sends back."""
    vector_D = np.array(values, np.float32)
    if vector_D.shape != (dim,) or not np.isfinite(vector_D).all() or not vector_D.any():
        raise DataError(f"the clip's vector: expected {dim} finite numbers, not all 0; choose the clip again")
    return unit(vector_D)


def _drawn(x_CT: Array, layout: str) -> Answer:
    """Frames side by side as PNG; a signal that is neither a skeleton nor a film is one picture."""
    strip = clip_strips.strip(x_CT, layout, num_frames=_NUM_FRAMES, height=_HEIGHT)
    moves = joints.is_layout(layout) or x_CT.ndim == 4
    file = io.BytesIO()
    clip_strips.save(strip, file, num_colours=_NUM_COLOURS)
    frames = {"num_frames": _NUM_FRAMES if moves else 1, "gap": clip_strips.GAP}
    return {"png": base64.b64encode(file.getvalue()).decode(), **frames}
