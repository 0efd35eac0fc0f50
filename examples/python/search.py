"""Which pictures of a folder look most like this one: search.py MODEL FOLDER PICTURE

The features of the vision tower, averaged over the picture, are compared by their angle.
"""

import pathlib
import sys

import numpy as np
import numpy.typing as npt

import llava

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}


def directions(model: llava.Model, pictures: list[pathlib.Path]) -> npt.NDArray[np.float32]:
    """One row of length 1 a picture."""
    embeddings = model.encode(pictures, features=True)
    rows = np.stack([np.asarray(embedding).mean(axis=0) for embedding in embeddings])
    rows -= rows.mean(axis=0) if len(rows) > 2 else 0  # what all share tells nothing
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def main(folder: str, pictures: pathlib.Path, wanted: pathlib.Path) -> None:
    files = sorted(path for path in pictures.iterdir() if path.suffix.lower() in SUFFIXES)
    with llava.load(folder) as model:
        rows = directions(model, [*files, wanted])
    likeness = rows[:-1] @ rows[-1]
    for index in np.argsort(-likeness):
        print(f"{likeness[index]:6.3f}  {files[index].name}")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
