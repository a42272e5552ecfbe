"""Video: colour pictures over time.

Encoders: `framecnn`, a small network, `clip`, CLIP's picture tower, and `temporal`, a transformer over its vectors.
"""

from pipeline.modalities.shared import FilmedModality

film = FilmedModality("video", num_channels={"rgb": 3})
read, prepare, build, is_empty = film.read, film.prepare, film.build, film.is_empty
