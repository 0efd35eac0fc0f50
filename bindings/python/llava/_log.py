"""What the library reports goes to the logger "llava", once the call that caused it has ended."""

import logging
from typing import Literal

from . import _llava

LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)

logger = logging.getLogger("llava")
logger.addHandler(logging.NullHandler())  # quiet unless the application sets logging up


def tell(level: int, text: str) -> None:
    """Takes one line of the library."""
    logger.log(LEVELS[level], "%s", text)


def set_log_level(level: Literal["debug", "info", "warning", "error", "off"]) -> None:
    """Chooses what the library reports at all; "warning" at the start. The logger's own level applies besides."""
    _llava.set_log_level(level)
