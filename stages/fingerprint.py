"""fingerprint: the project's code -> a digest of what each stage and member runs."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, runs
from pipeline.steps.fingerprint import fingerprint


def main(out: Annotated[Path, typer.Option(help="The folder of digests to write.")]) -> None:
    """Digest the code, so that a change of it reruns the stages it affects and no others."""
    with runs.recorded("fingerprint", "fingerprint") as facts:
        facts.update(fingerprint(out=out))


if __name__ == "__main__":
    command.run(main)
