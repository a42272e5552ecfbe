"""Visual Genome as released: the JSON files of v1.0, v1.2 and v1.4, or scene_graphs.json, one image at a time.

A file is mapped, its top-level list is cut into images without decoding them, and an image is decoded when asked
for: memory is the mapped file, an index of the images and one image.

Fields (ranjaykrishna/visual_genome_python_driver): v1.0 gives every mention of an object an id of its own
(`id`, `object_names`), so objects are joined by name and box; later versions have one `object_id` an object.
"""

import math
import mmap
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats.plain_pickle import bounded_memory

MAX_IMAGE_BYTES = 16 << 20  # the largest image of Visual Genome has some 100 kB; more is no image
_INDEX_BYTES = 256 << 20  # of two million images; Visual Genome has 108,077
_MAX_ALIAS_BYTES = 16 << 20
FILES = ("scene_graphs", "objects", "attributes", "relationships", "image_data", "region_descriptions")

# The image's id as first or last key of its record; anything else is decoded to find it.
_FIRST_KEY = re.compile(rb'\{\s*"(?:image_id|id)"\s*:\s*(\d{1,18})\s*[,}]')
_LAST_KEY = re.compile(rb'"(?:image_id|id)"\s*:\s*(\d{1,18})\s*\}$')


class BadImageError(ValueError):
    """One image's record is not what the format says; the message is the reason."""


class Described(msgspec.Struct, gc=False):
    """An object as v1.2 and later describe it; the box is x, y, w, h in pixels, NaN where it is not given."""

    object_id: int
    x: float
    y: float
    w: float
    h: float
    names: list[str]
    synsets: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()  # tuples: an empty one costs nothing
    merged_object_ids: tuple[int, ...] = ()


class Mention(msgspec.Struct, gc=False):
    """An object as any version may mention it, under whichever keys."""

    x: float = math.nan
    y: float = math.nan
    w: float = math.nan
    h: float = math.nan
    object_id: int | None = None
    id: int | None = None
    names: list[str] | None = None
    object_names: list[str] | None = None
    name: str | None = None
    synsets: list[str | None] | None = None
    attributes: list[str | None] | None = None
    merged_object_ids: list[int] | None = None

    def described(self) -> Described:
        """The same under the keys of v1.2. BadImageError if it has no id."""
        number = self.id if self.object_id is None else self.object_id
        if number is None:
            raise BadImageError("malformed record: an object without an id")
        names = self.names or self.object_names or ([self.name] if self.name else [])
        synsets = tuple(synset for synset in self.synsets or [] if synset)
        attributes = tuple(attribute for attribute in self.attributes or [] if attribute)
        box = (self.x, self.y, self.w, self.h)
        return Described(number, *box, names, synsets, attributes, tuple(self.merged_object_ids or ()))


class _Id(msgspec.Struct, gc=False):
    object_id: int


class _IdAndMerged(msgspec.Struct, gc=False):
    object_id: int
    merged_object_ids: tuple[int, ...] = ()


class Relationship(msgspec.Struct, gc=False):
    """A relation between two mentions, each with an id, name and box of its own."""

    predicate: str
    subject: Mention
    object: Mention


class _LeanRelationship(msgspec.Struct, gc=False):
    predicate: str
    subject: _Id
    object: _Id


class Edge(msgspec.Struct, gc=False):
    """A relation between two ids, as scene_graphs.json has it."""

    predicate: str
    subject_id: int
    object_id: int


class Region(msgspec.Struct, gc=False):
    """A described part of an image; x, y, width, height in pixels."""

    x: float
    y: float
    width: float
    height: float
    phrase: str = ""
    region_id: int | None = None
    id: int | None = None


class ImageData(msgspec.Struct, gc=False):
    """Size and origin of an image."""

    width: int | None = None
    height: int | None = None
    url: str | None = None
    image_id: int | None = None
    id: int | None = None
    coco_id: int | None = None  # of the same picture in MS COCO


class _LeanObjects(msgspec.Struct, gc=False):
    objects: list[_IdAndMerged]


class _Objects(msgspec.Struct, gc=False):
    objects: list[Described]


class _AnyObjects(msgspec.Struct, gc=False):
    objects: list[Mention]


class _Attributes(msgspec.Struct, gc=False):
    attributes: list[Described]


class _AnyAttributes(msgspec.Struct, gc=False):
    attributes: list[Mention]


class _LeanRelationships(msgspec.Struct, gc=False):
    relationships: list[_LeanRelationship]


class _Relationships(msgspec.Struct, gc=False):
    relationships: list[Relationship]


class _SceneGraph(msgspec.Struct, gc=False):
    objects: list[Described]
    relationships: list[Edge]


class _AnySceneGraph(msgspec.Struct, gc=False):
    objects: list[Mention]
    relationships: list[Edge]


class _Regions(msgspec.Struct, gc=False):
    regions: list[Region]


@dataclass
class Image:
    """All that is recorded of one image. Relations are `edges` where ids suffice, else `mentioned`."""

    image_id: int
    objects: list[Described]
    attributed: list[Described] = field(default_factory=list)  # v1.0: attributes hang on mentions of their own
    edges: list[tuple[int, str, int]] = field(default_factory=list)  # subject id, predicate, object id
    mentioned: list[tuple[Described, str, Described]] = field(default_factory=list)
    merged: dict[int, int] = field(default_factory=dict)  # id that was merged away -> id that stayed
    data: ImageData = field(default_factory=ImageData)
    one_id_per_object: bool = True  # false for v1.0, whose mentions are joined by name and box


@contextmanager
def opened(folder: Path) -> Iterator["Annotations"]:
    """Open the annotation files of a folder; FormatError if one is no JSON list or there are none."""
    with ExitStack() as stack:
        paths = {name: folder / f"{name}.json" for name in FILES if (folder / f"{name}.json").is_file()}
        if not {"scene_graphs", "objects"} & set(paths):
            raise FormatError(f"{folder}: neither scene_graphs.json nor objects.json; link the unpacked files there")
        indexes = {name: stack.enter_context(_indexed(path)) for name, path in paths.items()}
        annotations = Annotations(folder, indexes)
        yield annotations


@dataclass
class Index:
    """Where a file's images are: id -> undecoded JSON. `twice` are ids that stand there more than once."""

    path: Path
    images: dict[int, msgspec.Raw]
    twice: set[int]


class Annotations:
    """The images of a folder, decoded one at a time; see `opened`."""

    def __init__(self, folder: Path, indexes: Mapping[str, Index]) -> None:
        self.folder = folder
        self._indexes = indexes
        self._main = "scene_graphs" if "scene_graphs" in indexes else "objects"

    def image_ids(self) -> list[int]:
        """Ids of all images, in the order of their decimal text, which is the order of tables."""
        return sorted(self._indexes[self._main].images, key=str)

    def read(self, image_id: int) -> Image:
        """Decode one image. BadImageError where a record is malformed, too large or given twice."""
        image = self._graph(image_id) if self._main == "scene_graphs" else self._joined(image_id)
        data = self._decode("image_data", image_id, _IMAGE_DATA)
        image.data = data or ImageData()
        return image

    def read_regions(self, image_id: int) -> list[Region]:
        """The described regions of an image, none where region_descriptions.json does not know it."""
        record = self._decode("region_descriptions", image_id, _REGIONS)
        return record.regions if record else []

    def _graph(self, image_id: int) -> Image:
        graph = self._try("scene_graphs", image_id, _GRAPH)
        if graph is None:
            record = self._decode("scene_graphs", image_id, _ANY_GRAPH) or _AnySceneGraph([], [])
            graph = _SceneGraph([mention.described() for mention in record.objects], record.relationships)
        edges = [(e.subject_id, e.predicate, e.object_id) for e in graph.relationships]
        return Image(image_id, graph.objects, edges=edges, merged=_merged(graph.objects))

    def _joined(self, image_id: int) -> Image:
        """Objects, attributes and relationships of one image.

        attributes.json of v1.2 and later repeats its objects in full, and relationships repeat both ends: the ids
        are decoded first, the rest only where they do not suffice (twice as fast).
        """
        attributed = self._try("attributes", image_id, _ATTRIBUTES)
        lean = self._try("objects", image_id, _LEAN_OBJECTS)
        edges = self._try("relationships", image_id, _LEAN_RELATIONSHIPS)
        if attributed is None or lean is None or edges is None:
            return self._joined_in_full(image_id)
        image = Image(image_id, attributed.attributes)
        image.edges = [(e.subject.object_id, e.predicate, e.object.object_id) for e in edges.relationships]
        if {o.object_id for o in lean.objects} <= {o.object_id for o in image.objects}:
            image.merged = {old: o.object_id for o in lean.objects for old in o.merged_object_ids}
        else:
            image.attributed = image.objects
            image.objects = self._objects(image_id)
            image.merged = _merged(image.objects)
        return image

    def _joined_in_full(self, image_id: int) -> Image:
        """As `_joined`, for v1.0 and for records that leave keys out."""
        relations = self._decode("relationships", image_id, _RELATIONSHIPS) or _Relationships([])
        attributed = self._decode("attributes", image_id, _ANY_ATTRIBUTES) or _AnyAttributes([])
        record = self._decode("objects", image_id, _ANY_OBJECTS) or _AnyObjects([])
        image = Image(image_id, [mention.described() for mention in record.objects])
        image.one_id_per_object = all(mention.object_id is not None for mention in record.objects)
        image.attributed = [mention.described() for mention in attributed.attributes]
        ends = [(r.subject.described(), r.predicate, r.object.described()) for r in relations.relationships]
        image.mentioned = ends
        image.merged = _merged(image.objects)
        return image

    def _objects(self, image_id: int) -> list[Described]:
        record = self._try("objects", image_id, _OBJECTS)
        if record is not None:
            return record.objects
        any_objects = self._decode("objects", image_id, _ANY_OBJECTS) or _AnyObjects([])
        return [mention.described() for mention in any_objects.objects]

    def _raw(self, name: str, image_id: int) -> msgspec.Raw | None:
        index = self._indexes.get(name)
        if index is None or image_id not in index.images:
            return None
        if image_id in index.twice:
            raise BadImageError(f"duplicate image id: twice in {index.path.name}")
        raw = index.images[image_id]
        if len(memoryview(raw)) > MAX_IMAGE_BYTES:
            raise BadImageError(f"record too large: {len(memoryview(raw))} bytes in {index.path.name}")
        return raw

    def _decode(self, name: str, image_id: int, decoder: "msgspec.json.Decoder[T]") -> "T | None":
        raw = self._raw(name, image_id)
        if raw is None:
            return None
        try:
            return decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise BadImageError(f"malformed record: {name}.json: {error}") from None

    def _try(self, name: str, image_id: int, decoder: "msgspec.json.Decoder[T]") -> "T | None":
        raw = self._raw(name, image_id)
        try:
            return None if raw is None else decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None


T = TypeVar("T")

_IMAGE_DATA = msgspec.json.Decoder(ImageData)
_ANY_ATTRIBUTES = msgspec.json.Decoder(_AnyAttributes)
_ANY_GRAPH = msgspec.json.Decoder(_AnySceneGraph)
_ANY_OBJECTS = msgspec.json.Decoder(_AnyObjects)
_ATTRIBUTES = msgspec.json.Decoder(_Attributes)
_GRAPH = msgspec.json.Decoder(_SceneGraph)
_LEAN_OBJECTS = msgspec.json.Decoder(_LeanObjects)
_LEAN_RELATIONSHIPS = msgspec.json.Decoder(_LeanRelationships)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(_Objects)
_REGIONS = msgspec.json.Decoder(_Regions)
_RELATIONSHIPS = msgspec.json.Decoder(_Relationships)


def read_aliases(path: Path) -> list[list[str]]:
    """Groups of names that mean the same, from object_alias.txt or relationship_alias.txt; [] if there is none."""
    if not path.exists():
        return []
    lines = outside.text(path, _MAX_ALIAS_BYTES, "a list of aliases, commas between").splitlines()
    groups = [[name for part in line.split(",") if (name := part.strip())] for line in lines]
    return [group for group in groups if len(group) > 1]


def write(folder: Path, name: str, images: list[dict[str, Any]]) -> None:
    """Write one of FILES as released: a JSON list with one record an image, on one line."""
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(images))


@contextmanager
def _indexed(path: Path) -> Iterator[Index]:
    with outside.opened(path, "a JSON list of images") as file:
        if not path.stat().st_size:
            raise FormatError(f"{path}: empty file, expected a JSON list of images; fetch it again")
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    index = _index(path, _cut(path, view))
    try:
        yield index
    finally:
        index.images.clear()
        with suppress(BufferError):  # an error on its way out may still hold an image; the map then closes with it
            view.close()


def _cut(path: Path, view: mmap.mmap) -> list[msgspec.Raw]:
    try:
        with bounded_memory(2 * len(view) + _INDEX_BYTES):
            return _LIST.decode(view)
    except MemoryError:
        raise FormatError(f"{path}: more records than its images explain; fetch it again") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: expected a JSON list of images: {error}; fetch it again") from None


def _index(path: Path, raws: list[msgspec.Raw]) -> Index:
    index = Index(path, {}, set())
    for raw in raws:
        image_id = _image_id(path, memoryview(raw))
        if image_id in index.images:
            index.twice.add(image_id)
        index.images[image_id] = raw
    return index


def _image_id(path: Path, record: memoryview) -> int:
    match = _FIRST_KEY.match(record) or _LAST_KEY.search(record[-80:])
    if match:
        return int(match[1])
    try:
        image = _IMAGE_DATA.decode(record)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: a record is no image: {error}; fetch it again") from None
    image_id = image.id if image.image_id is None else image.image_id
    if image_id is None:
        raise FormatError(f"{path}: a record has neither image_id nor id; fetch it again")
    return image_id


def _merged(objects: list[Described]) -> dict[int, int]:
    return {old: o.object_id for o in objects if o.merged_object_ids for old in o.merged_object_ids}
