"""One file a corpus: what its annotations record -> scene graphs, each with what was left out and why."""
