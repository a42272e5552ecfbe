"""Video: colour pictures over time."""

from pipeline.modalities.shared import FilmedModality

film = FilmedModality("video", num_channels={"rgb": 3})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
