"""The contract of a zero-shot method, and the texts of classes as vectors. No torch: closed forms start without it."""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from pipeline.core import params
from pipeline.core.errors import DataError
from pipeline.core.weights import Weights

if TYPE_CHECKING:  # who only averages vectors starts without zarr
    from pipeline.core.store import Store

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

# What a method reads for each clip: its vector; the tokens whose mean that is; or its vector and the vectors of
# variants of the clip in which a part is hidden.
Need = Literal["pooled", "tokens", "masked"]

LABEL_AND_CONTEXT = "mean"  # the text type of the mean direction of label and context

MIN_DEVIATION = 1e-8  # below it a feature counts as constant

# A type of class texts, a stored mean of types, "mean" (label and context), or several of these joined by "+".
TextType = Annotated[str, Field(pattern=r"^[^+]+(\+[^+]+)*$")]
Centre = Literal["none", "seen"]  # the classes whose mean text is subtracted


def _ascending(values: list[float]) -> list[float]:
    if values != sorted(set(values)):
        raise ValueError("expected ascending values, each once")
    return values


ASCENDING = AfterValidator(_ascending)
Grid = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1), ASCENDING]  # values to choose from


@dataclass(frozen=True)
class Clips:
    """Labelled clips to train on."""

    features_ND: Array  # what the method needs of each clip: (N, D), or with axes of tokens or variants before D
    class_ids: tuple[int, ...]  # of each clip
    senses: tuple[
        str, ...
    ] = ()  # senses whose vectors, equally long, are joined end to end; none: features of one encoder
    measured: tuple[str, ...] = ()  # what the first numbers of each vector measure (core.measures), if anything

    def of(self, chosen_N: npt.NDArray[np.bool_]) -> "Clips":
        """The chosen clips."""
        class_ids = tuple(class_id for class_id, is_chosen in zip(self.class_ids, chosen_N, strict=True) if is_chosen)
        return replace(self, features_ND=self.features_ND[chosen_N], class_ids=class_ids)


@dataclass(frozen=True)
class ClassTexts:
    """Classes as unit vectors; row k belongs to class_ids[k]."""

    class_ids: tuple[int, ...]
    label_KT: Array
    context_KT: Array | None  # None where the store holds no sentences about the context
    further: Mapping[str, Array] = field(default_factory=dict)  # (K, T) of the other types of text, and of their means

    def of(self, class_ids: Sequence[int]) -> "ClassTexts":
        """The vectors of some of these classes, in the given order."""
        rows = self.rows(class_ids)
        context_KT = None if self.context_KT is None else self.context_KT[rows]
        further = {kind: vectors_KT[rows] for kind, vectors_KT in self.further.items()}
        return ClassTexts(tuple(class_ids), self.label_KT[rows], context_KT, further)

    def of_clips(self, clips: Clips) -> "ClassTexts":
        """The vectors of the classes of some clips, in ascending order."""
        return self.of(sorted(set(clips.class_ids)))

    def rows(self, class_ids: Sequence[int]) -> Rows:
        """The row of each class."""
        place = {class_id: row for row, class_id in enumerate(self.class_ids)}
        return np.array([place[class_id] for class_id in class_ids], dtype=np.int64)

    def of_type(self, kind: str) -> Array:
        """Vectors (K, T) of one type of text. Raises DataError, listing the types there are, for a missing one."""
        if kind == LABEL_AND_CONTEXT:
            return unit(self.label_KT + self.contexts())
        if kind == "label":
            return self.label_KT
        if kind == "context":
            return self.contexts()
        if kind not in self.further:
            context = [] if self.context_KT is None else ["context", LABEL_AND_CONTEXT]
            types = ", ".join(["label", *context, *sorted(self.further)])
            raise DataError(
                f"the class texts have no type '{kind}'; they have {types}; run `dvc repro prompt embed` once the "
                "dataset's row of prompt names it among its sources, or name another type in params.yaml"
            )
        return self.further[kind]

    def contexts(self) -> Array:
        """The context vectors (K, T). Raises DataError if the texts have none."""
        if self.context_KT is None:
            raise DataError(
                "the class texts have no 'context' sentences, which this method reads beside the labels; "
                "add them to the dataset's row of the prompt stage and run `dvc repro prompt embed`"
            )
        return self.context_KT


@dataclass(frozen=True)
class ClassEmbedder:
    """Class texts -> one unit vector a class, as a method reads them.

    Parts (types of text) are joined end to end, each as a unit vector, so that all count alike whatever their sizes.
    Sentences of one kind lie close together. `means`, the mean vectors over the classes of the training clips alone,
    are therefore subtracted from the parts, where they are given.
    """

    kinds: tuple[str, ...]
    means: tuple[Array, ...]  # (T) for each part; none: the texts as they are

    @staticmethod
    def of(text_type: str, centre: Centre, seen: ClassTexts) -> "ClassEmbedder":
        """`seen` are the texts of the classes of the training clips alone. DataError for an unknown type."""
        kinds = tuple(text_type.split("+"))
        vectors = [seen.of_type(kind) for kind in kinds]
        means = [part_KT.mean(axis=0, dtype=np.float64).astype(np.float32) for part_KT in vectors]
        return ClassEmbedder(kinds, tuple(means) if centre == "seen" else ())

    def __call__(self, texts: ClassTexts) -> Array:
        """Unit vectors (K, T), where T is the sum of the parts' sizes."""
        parts = [texts.of_type(kind) for kind in self.kinds]
        if self.means:
            parts = [unit(part_KT - mean_T) for part_KT, mean_T in zip(parts, self.means, strict=True)]
        return parts[0] if len(parts) == 1 else unit(np.concatenate(parts, axis=1))

    def state_dict(self) -> dict[str, Array]:
        """The means by type, to be saved with a method's weights."""
        return {f"text_mean.{kind}": mean_T for kind, mean_T in zip(self.kinds, self.means, strict=False)}


def mean_texts(embedders: Iterable[ClassEmbedder]) -> dict[str, Array]:
    """The means of several texts of a class by type, to be saved with a method's weights."""
    return {name: mean_T for embedder in embedders for name, mean_T in embedder.state_dict().items()}


def stacked_texts(embedders: Sequence[ClassEmbedder], texts: ClassTexts, method: str) -> Array:
    """The S texts of each class (S, K, T). Raises DataError where they differ in size."""
    vectors = [embedder(texts) for embedder in embedders]
    sizes = [vectors_KT.shape[1] for vectors_KT in vectors]
    if len(set(sizes)) > 1:
        lengths = ", ".join(f"{'+'.join(w.kinds)} of {size}" for w, size in zip(embedders, sizes, strict=True))
        raise DataError(
            f"{method} reads several texts of a class, which must be equally long: {lengths} numbers; "
            f"name others in align.methods.{method} of params.yaml"
        )
    return np.stack(vectors)


@dataclass(frozen=True)
class Cost:
    """What it costs to score one clip among classes whose texts are already embedded."""

    num_params: int  # trained ones
    macs: int  # multiply-accumulates


Explain = Callable[[Array, ClassTexts], dict[str, Array]]


@dataclass(frozen=True)
class CandidateModel:
    """A trained state of a method that model selection can choose. Use it before taking the next: training goes on."""

    setting: str  # an epoch, or a value of a grid
    loss: float  # of the training clips
    score: Callable[[Array, ClassTexts], Array]  # features (N, D), K classes -> (N, K), larger is likelier
    module: Weights
    # What explains the scores of features (N, D) and K classes, any of: `direct` and `augmented` (N, K), `attention`
    # (N, K, S) on S texts, `vectors` (N, H) and `text_vectors` (K, H) in one space.
    explain: Explain | None = None
    cost: Callable[[int], Cost] | None = None  # of one clip, given the number of classes


class MethodParams(params.Params):
    """Base of the parameters of all methods."""

    @property
    def settings(self) -> list[str]:
        """The settings of the candidate models, in their order."""
        raise NotImplementedError

    @property
    def trains(self) -> bool:
        """Whether the method learns from the training clips."""
        return True

    @property
    def compares(self) -> tuple[str, Centre] | None:
        """Type and centre of the texts, where features are compared with them directly; None: a map is learned."""
        return None

    @property
    def transductive(self) -> bool:
        """Whether the scores of a clip depend on the other clips that are scored with it."""
        return False

    @property
    def setting_name(self) -> str:
        """What a setting is called in charts: "epoch", or the name of the grid."""
        raise NotImplementedError

    @property
    def remark(self) -> str:
        """A sentence that the page must say about the method, or an empty text."""
        return ""


class OneTextParams(MethodParams):
    """Base of the parameters of methods that read one text vector a class."""

    text_type: TextType
    centre: Centre

    def embedder(self, clips: Clips, texts: ClassTexts) -> ClassEmbedder:
        """The embedder of classes, centred on the classes of the clips where `centre` says so."""
        return ClassEmbedder.of(self.text_type, self.centre, texts.of_clips(clips))


class Method(Protocol):
    """What each file of this folder offers."""

    Params: type[MethodParams]
    NEEDS: Need

    def candidates(self, clips: Clips, texts: ClassTexts, params: Any, seed: int) -> Iterator[CandidateModel]:
        """Train on clips; `texts` holds at least their classes. Yields one candidate model for each setting."""
        ...


def seed_group(kind: str, seed: int | None) -> str:
    """The name of the group of a kind of text in a store of `embed`; seed None: the encoder has no seeds."""
    return kind if seed is None else f"{kind}@{seed}"


def class_texts(store: "Store", class_ids: Sequence[int], seed: int | None = None) -> ClassTexts:
    """Vectors of classes from a store of the stage `embed`, of one seed if its encoder was trained with several.

    Raises DataError for a missing class or seed, or a wrong size.
    """
    kinds = ["label", *sorted({name.partition("@")[0] for name in store.groups()} - {"label"})]
    vectors = {kind: _class_vectors(store, kind, class_ids, seed) for kind in kinds}
    return ClassTexts(tuple(class_ids), vectors.pop("label"), vectors.pop("context", None), vectors)


def _class_vectors(store: "Store", kind: str, class_ids: Sequence[int], seed: int | None) -> Array:
    group = text_group(store, kind, seed)
    vectors_NT = store.read(group, "pooled")
    owners = np.array([int(id_.split("-")[0]) for id_ in store.ids(group)])
    missing = sorted(set(class_ids) - set(owners.tolist()))
    if missing:
        raise DataError(f"{store.path}: no '{kind}' text for classes {missing}; run `dvc repro prompt embed`")
    dim = store.group_attrs(group).get("dim", store.attrs["dim"])  # groups that no text encoder made say their own
    if vectors_NT.ndim != 2 or vectors_NT.shape[1] != dim:
        raise DataError(
            f"{store.path}: '{kind}' vectors have shape {vectors_NT.shape}, expected (texts, {dim}); "
            "run `dvc repro embed`"
        )
    return np.stack([class_vector(vectors_NT[owners == class_id]) for class_id in class_ids])


def text_group(store: "Store", kind: str, seed: int | None) -> str:
    """The group of a kind of text: of the seed, or else the one for all seeds. DataError where there is neither."""
    of_kind = [name for name in store.groups() if name.partition("@")[0] == kind]
    for name in (seed_group(kind, seed), kind):
        if name in of_kind:
            return name
    if of_kind:
        raise DataError(
            f"{store.path}: no '{kind}' texts for seed {seed}, there are {of_kind}; add the seed to the row of finetune"
        )
    raise DataError(f"{store.path}: no '{kind}' texts, there are {store.groups()}; run `dvc repro prompt embed`")


def text_weights(texts: "Store", seed: int) -> str | None:
    """The hash of the weights that made the text vectors, if the store says it."""
    of_seed = texts.group_attrs(text_group(texts, "label", seed)).get("weights_hash")
    weights_hash: str | None = of_seed or texts.attrs.get("weights_hash")
    return weights_hash


def class_vector(vectors_NT: Array) -> Array:
    """One unit vector (T) for the texts of a class: the mean direction of its texts."""
    return unit(unit(vectors_NT).mean(axis=0))


def split_senses(features: Array, num_senses: int) -> Array:
    """The vectors of every sense, (clips, senses, size), from features that join them end to end."""
    if features.shape[1] % num_senses:
        raise DataError(
            f"features of {features.shape[1]} numbers are not those of {num_senses} senses, equally long; "
            "run `dvc repro bind`"
        )
    return features.reshape(len(features), num_senses, -1)


def sense_vectors(features: Array, senses: Sequence[str], sense: str) -> Array:
    """The vectors of one sense, (clips, size). Raises DataError for a sense that the features do not hold."""
    if sense not in senses:
        joined = f"they join {list(senses)}" if senses else "they are of one encoder"
        raise DataError(f"the features have no vectors of the sense '{sense}': {joined}; name a fused store of bind")
    return split_senses(features, len(senses))[:, list(senses).index(sense)]


def standardisation(features_ND: Array) -> tuple[Array, Array]:
    """Mean and scale (D) that give training clips mean 0 and deviation 1; a constant feature gets scale 0."""
    deviation_D = features_ND.std(axis=0, dtype=np.float64)
    scale_D = np.divide(1.0, deviation_D, out=np.zeros_like(deviation_D), where=deviation_D > MIN_DEVIATION)
    return features_ND.mean(axis=0, dtype=np.float64).astype(np.float32), scale_D.astype(np.float32)


def unit(vectors: Array) -> Array:
    """Vectors divided by their length along the last axis; a vector of zeros stays one."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
