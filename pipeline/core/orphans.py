"""Helper processes end with their parent: a killed parent cannot end them, and they would run on forever."""

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
