"""Helping processes end with the one that they help: a killed parent cannot end them, and they would go on for good."""

import os
import threading
import time

_SECONDS_BETWEEN_LOOKS = 0.05  # a stage started again at once should not meet the ranks of the one before


def end_with(parent: int) -> None:
    """Watch, in a thread, whether the process that started this one still runs, and end when it does not."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
