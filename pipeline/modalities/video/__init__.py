"""Video: colour pictures over time."""

from pipeline.modalities.shared import Film

film = Film("video", num_channels={"rgb": 3})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
