"""Zero-shot methods, one file each: `Params` and `candidates(clips, texts, params, seed)`, as `shared.Method` says."""
