"""Depth footage: the distance from the sensor's plane at every pixel over time.

Encoders: `r2plus1d`, `vit`, and `clip`, CLIP's picture tower.
"""

from pipeline.modalities.shared import FilmedModality

film = FilmedModality("depth", num_channels={"depth_mm": 1})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
