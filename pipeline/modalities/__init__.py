"""The senses, one package each: read a recording, prepare it, encode it. They do not know each other.

- `__init__`: `read`, `prepare`, `build` and `is_empty`, without importing torch (`shared.Modality`).
- `recipes/`: a file per preparation, `Params`, `prepare` and, if it keeps pictures, `view` (`shared.Recipe`).
- Every other file: an encoder, `Params` and `Encoder` (`models.encoder`).
"""
