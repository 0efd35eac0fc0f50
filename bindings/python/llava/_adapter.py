"""LoRAs beside a model."""

import json
from typing import Any

from . import _llava
from ._handle import Handle


class Adapter(Handle[_llava.Adapter]):
    """A LoRA in memory, of one model: Model.load_adapter(). Calls choose it by its name, Model.attach() for all that name none."""

    @property
    def info(self) -> dict[str, Any]:
        """name, path, rank, layers, replaced tensors."""
        info: dict[str, Any] = json.loads(self._native.info_json())
        return info

    @property
    def name(self) -> str:
        """What calls choose it by."""
        return str(self.info["name"])

    def _describe(self) -> str:
        return repr(self.name)
