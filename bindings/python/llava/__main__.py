"""`python -m llava chat ...` is the command `llava`, which lies beside this file."""

import os
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent


def main() -> None:
    """Becomes the command: same arguments, streams, signals and exit codes."""
    from . import _libtorch

    environment = dict(os.environ)
    places = [str(FOLDER), _libtorch.folder(), environment.get("LD_LIBRARY_PATH")]
    environment["LD_LIBRARY_PATH"] = os.pathsep.join(place for place in places if place)
    command = FOLDER / "bin" / "llava"
    sys.stdout.flush()
    os.execve(command, ["llava", *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
