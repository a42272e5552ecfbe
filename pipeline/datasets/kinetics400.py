"""Kinetics-400: lists of labelled videos, and the ten-second clips cut from them, `<id>_<start>_<stop>.mp4`."""

from pipeline.datasets.shared import Annotations, Dataset, OwnList
from pipeline.formats import kinetics_csv, video

DATASET = Dataset(
    name="kinetics400",
    title="Kinetics-400",
    citation="Kay et al.: The Kinetics human action video dataset, 2017",
    terms="annotations CC BY 4.0; the videos belong to those who published them",
    published_by="Google DeepMind, page 'Kinetics': the lists of videos; the CVD Foundation: the clips",
    patterns={"video": kinetics_csv.VIDEOS},
    annotations=Annotations(kinetics_csv.LISTS, kinetics_csv.read_clips),
    readers={"video": video.footage},
    subjects={"official": OwnList(kinetics_csv.LISTS, kinetics_csv.read_sides)},
)
