"""Depth: distance from the sensor's plane at every pixel over time."""

from pipeline.modalities.shared import FilmedModality

film = FilmedModality("depth", num_channels={"depth_mm": 1})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
