"""Text encoders, one file each: `Params` and `encoder(params, threads=...)`, which gives a `shared.TextEncoder`."""
