"""Text encoders, one file each: `Params` and `encoder(params, num_threads=...)`, which gives a `shared.TextEncoder`."""
