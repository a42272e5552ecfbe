"""Thermal: what a thermal or near-infrared camera sees, radiometric counts or a picture for display."""

from pipeline.modalities.shared import FilmedModality

film = FilmedModality("thermal", num_channels={"grey8": 1, "grey16": 1})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
