"""fingerprint: the project's code -> a digest of what each stage and member runs."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.core import command, params, runs
from pipeline.steps.fingerprint import fingerprint


def main(out: Annotated[Path, typer.Option(help="The folder of digests to write.")]) -> None:
    """Digest the code, so that a change of it reruns the stages it affects and no others."""
    ingested = params.read()["ingest"]["rows"] if params.PARAMS_FILE.is_file() else {}
    with runs.recorded("fingerprint", "fingerprint") as facts:
        facts.update(fingerprint(ingested, out=out))


if __name__ == "__main__":
    command.run(main)
