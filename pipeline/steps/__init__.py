"""One file per verb: the orchestration a stage or the command line calls."""
