"""The `unseen` command. Heavy imports stay inside the commands, so that --help answers at once."""

from pipeline.cli import clips, data, recognise, results, sharing, work  # noqa: F401 - they put their commands into the app
from pipeline.cli.app import app
from pipeline.core import command


def main() -> None:
    """Entry point of the `unseen` command."""
    command.guarded(app)
