"""Plain values that come out of the library."""

from typing import NamedTuple

IMAGE_TOKEN = -200
"""The id that stands for a picture among raw token ids."""


class Usage(NamedTuple):
    """Tokens and times of an answer."""

    prompt_tokens: int
    """positions of the prompt, pictures included"""
    image_tokens: int
    """positions of pictures among them"""
    cached_tokens: int
    """positions of the prompt that needed no computing"""
    completion_tokens: int
    """tokens of the answer"""
    preprocess_ms: float
    encode_ms: float
    prompt_ms: float
    prefill_ms: float
    first_token_ms: float
    """all work until the first token"""
    decode_ms: float
    """from the first token to the last"""
    total_ms: float
    tokens_per_second: float
    """of decoding; 0 for fewer than two tokens"""


class SessionStats(NamedTuple):
    """What a session has done and holds."""

    turns: int
    tokens: int
    """positions whose keys and values are held"""
    limit: int
    """positions it may hold"""
    tokens_computed: int
    images_encoded: int
    image_hits: int
    """pictures found encoded already"""
    cache_bytes: int


class Limits(NamedTuple):
    """What a model can take."""

    context: int
    """positions a session may hold"""
    tokens_per_image: int
    """positions one picture takes, the most where that depends on its size"""
    image_size: int
    """side of the square the vision tower sees, in pixels"""
    vocabulary: int
    width: int
    layers: int
    vision_width: int
    vision_layers: int
    image_count: int
    """pictures one message may hold"""


class ModelMemory(NamedTuple):
    """What a model takes up."""

    device: str
    weight_bytes: int
    cache_bytes_per_token: int


class DeviceInfo(NamedTuple):
    """A device."""

    id: str
    """ "cpu", "cuda:0", ..."""
    name: str
    threads: int
    """CPU: threads one operation computes with"""
    total_bytes: int
    free_bytes: int


class DeviceMemory(NamedTuple):
    """How memory stands on a device."""

    used_bytes: int
    cached_bytes: int
    peak_bytes: int
    free_bytes: int


class LoadProgress(NamedTuple):
    """How far loading or writing is."""

    phase: str
    """ "weights", then "warm-up" """
    done: int
    """bytes (records for check_dataset())"""
    total: int
    """0 while unknown"""
    item: str
    """the file or tensor at hand"""
