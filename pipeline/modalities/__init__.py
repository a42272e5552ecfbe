"""The senses, one package each: read a recording, prepare it, encode it. They do not know each other.

A modality's `__init__` offers `read`, `prepare`, `build` and `is_empty` without importing torch; `recipes/` holds one
file per preparation (`Params`, `prepare` and, if it keeps pictures, `view`), every other file is an encoder (`Params`,
`Encoder`). An encoder gives one vector a clip (N, D) when called; its `with_tokens` gives beside it the vectors
(N, ..., D) whose mean over the middle axes that is; one of pictures gives by `places` its last map (N, D, S, G, P); its
`parts` are the axes of its input along which something can be hidden.
"""
