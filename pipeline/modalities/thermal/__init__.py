"""Thermal or near-infrared footage: radiometric counts, or pictures for display.

Encoders: `r2plus1d`, `vit`, and `clip`, CLIP's picture tower.
"""

from pipeline.modalities.shared import FilmedModality

film = FilmedModality("thermal", num_channels={"grey8": 1, "grey16": 1})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
