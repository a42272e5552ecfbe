"""The demo world: bodies that act, cameras that see them, sensors that err.

`poses` places joints in world space, `primitives` and `actions` move them, `cameras` and `sensors` look at them and
`recordings` puts it together; a renderer can start from the same joints in world space.
"""
