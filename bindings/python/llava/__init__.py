"""Visual instruction tuning: a picture and a question in, the answer out, word by word.

    import llava

    with llava.load("llava-1.5-7b-hf") as model:
        session = model.session()
        for event in session.stream("What is this?", images="cat.jpg"):
            print(event, end="", flush=True)
        print(session.chat("And what colour is it?").text)

Whatever holds memory of the library (Model, Image, Embedding, Session, Stream, Response, ...) has close() and works with
`with`; without either it is freed with its last reference. Models may be used by several threads at once, a session by
one at a time (BusyError). Calls that compute run without the GIL, and Ctrl-C stops them.
"""

from . import _libtorch

_libtorch.load()

from . import _llava  # noqa: E402  (it needs LibTorch)

_llava.check_abi()

from ._adapter import Adapter  # noqa: E402
from ._chat import ChatOptions, Response, Stream  # noqa: E402
from ._checkpoint import LoadOptions, SaveOptions, convert, merge_adapter, merge_delta, plan  # noqa: E402
from ._dataset import CheckOptions, Dataset, Record, Turn, check_dataset  # noqa: E402
from ._errors import (  # noqa: E402
    AbiError,
    BufferTooSmallError,
    BusyError,
    CallbackError,
    CancelledError,
    ClosedError,
    ContextFullError,
    DeviceError,
    DeviceMemoryError,
    DistributedError,
    DivergedError,
    FormatError,
    GrammarError,
    InternalError,
    InvalidArgumentError,
    IoError,
    LimitError,
    LlavaError,
    NotFoundError,
    OutOfMemoryError,
    StateError,
    Status,
    TimeoutError,
    UnsupportedError,
)
from ._familiar import Pipeline, create_chat_completion, pipeline  # noqa: E402
from ._image import Image, ImageLike  # noqa: E402
from ._llava import Event, Tensor  # noqa: E402
from ._log import set_log_level  # noqa: E402
from ._message import Embedding, Images, Message  # noqa: E402
from ._model import Decoder, Model, load, template_names  # noqa: E402
from ._session import Session  # noqa: E402
from ._system import (  # noqa: E402
    Cancel,
    build_info,
    device_bandwidth,
    device_memory,
    devices,
    has_feature,
    live_objects,
    set_threads,
    trim,
)
from ._train import Trainer, TrainEvent, TrainMetrics, plan_training, train, training_status  # noqa: E402
from ._train_options import TrainOptions  # noqa: E402
from ._values import IMAGE_TOKEN, LoadProgress, SessionStats, Usage  # noqa: E402

__version__ = _llava.version()
set_log_level("warning")

__all__ = [
    "AbiError",
    "Adapter",
    "BufferTooSmallError",
    "BusyError",
    "CallbackError",
    "Cancel",
    "CancelledError",
    "ChatOptions",
    "CheckOptions",
    "ClosedError",
    "ContextFullError",
    "Dataset",
    "Decoder",
    "DeviceError",
    "DeviceMemoryError",
    "DistributedError",
    "DivergedError",
    "Embedding",
    "Event",
    "FormatError",
    "GrammarError",
    "IMAGE_TOKEN",
    "Image",
    "ImageLike",
    "Images",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "LimitError",
    "LlavaError",
    "LoadOptions",
    "LoadProgress",
    "Message",
    "Model",
    "NotFoundError",
    "OutOfMemoryError",
    "Pipeline",
    "Record",
    "Response",
    "SaveOptions",
    "Session",
    "SessionStats",
    "StateError",
    "Status",
    "Stream",
    "Tensor",
    "TimeoutError",
    "TrainEvent",
    "TrainMetrics",
    "TrainOptions",
    "Trainer",
    "Turn",
    "UnsupportedError",
    "Usage",
    "build_info",
    "check_dataset",
    "convert",
    "create_chat_completion",
    "device_bandwidth",
    "device_memory",
    "devices",
    "has_feature",
    "live_objects",
    "load",
    "merge_adapter",
    "merge_delta",
    "pipeline",
    "plan",
    "plan_training",
    "set_log_level",
    "set_threads",
    "template_names",
    "train",
    "training_status",
    "trim",
]
