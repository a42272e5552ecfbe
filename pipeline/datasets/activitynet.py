"""ActivityNet 1.3: untrimmed videos of 200 activities; a clip is one annotated segment."""

import re

from pipeline.datasets.shared import Annotations, Dataset, OwnList
from pipeline.formats import activitynet, video

_ANNOTATIONS = re.compile(r"(?:^|/)activity_net[^/]*\.json$")

DATASET = Dataset(
    name="activitynet",
    title="ActivityNet 1.3",
    citation="Caba Heilbron, Escorcia, Ghanem, Niebles: ActivityNet: A large-scale video benchmark for human activity "
    "understanding, CVPR 2015",
    terms="annotations MIT; the videos belong to those who published them",
    published_by="the authors, page 'ActivityNet': activity_net.v1-3.min.json; the videos on request",
    patterns={"video": re.compile(r"(?:^|/)(?:v_)?(?P<recording>[\w-]{11})\.(?:avi|mkv|mp4|webm)$")},
    annotations=Annotations(_ANNOTATIONS, activitynet.read_clips),
    readers={"video": video.footage},
    subjects={"official": OwnList(_ANNOTATIONS, activitynet.read_sides)},
)
