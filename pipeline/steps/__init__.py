"""One file a verb, named as its stage: the orchestration that the stage calls."""
