"""What has weights, said without torch, so that closed forms start without it."""

from collections.abc import Mapping
from typing import Any, Protocol


class Weights(Protocol):
    """A torch module, or arrays of our own."""

    def state_dict(self) -> Mapping[str, Any]:
        """Tensors or arrays by name."""
        ...
