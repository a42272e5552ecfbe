"""Where whole-shard tasks run: one file per engine, each with `run`. The engine never changes the bytes."""
