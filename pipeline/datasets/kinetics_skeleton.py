"""Kinetics-Skeleton: OpenPose estimates of Kinetics-400's videos, 18 joints in the picture, one JSON a video."""

import re

from pipeline.datasets.shared import Annotations, Dataset, OwnList
from pipeline.formats import kinetics_json

_LABELS = re.compile(r"(?:^|/)kinetics_(?:train|val)_label\.json$")

DATASET = Dataset(
    name="kinetics_skeleton",
    title="Kinetics-Skeleton",
    citation="Yan, Xiong, Lin: Spatial temporal graph convolutional networks for skeleton-based action recognition, "
    "AAAI 2018",
    terms="for research; cite the paper",
    published_by="the authors of ST-GCN, 'kinetics-skeleton': kinetics_train, kinetics_val and their label files",
    patterns={"skeleton": re.compile(r"(?:^|/)kinetics_(?:train|val)/(?P<recording>[\w-]{11})\.json$")},
    annotations=Annotations(_LABELS, kinetics_json.read_clips),
    readers={"skeleton": kinetics_json.read_skeleton},
    subjects={"official": OwnList(_LABELS, kinetics_json.read_sides)},
)
