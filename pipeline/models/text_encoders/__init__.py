"""Text encoders, one file each: `Params` and `encoder(params, num_threads=...)`, which gives a `shared.TextEncoder`.

A file that reads the weights that its row names also offers `seeds(weights)`.
"""
