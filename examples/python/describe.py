"""Asks every picture of a folder the same question; one JSON object: describe.py MODEL FOLDER QUESTION"""

import json
import pathlib
import sys

import llava


def describe(model: llava.Model, path: pathlib.Path, question: str) -> dict[str, object]:
    try:
        with llava.Image(path) as image:
            answer = model.ask(question, image, temperature=0)
            return {"text": answer.text, "size": [image.width, image.height], "tokens": len(answer.tokens)}
    except (llava.FormatError, llava.UnsupportedError, llava.LimitError) as error:
        return {"error": str(error)}  # no picture, or one that cannot be used: the others go on


def main(folder: str, pictures: pathlib.Path, question: str) -> None:
    files = sorted(path for path in pictures.iterdir() if path.is_file())
    with llava.load(folder) as model:
        found = {path.name: describe(model, path, question) for path in files}
    json.dump(found, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3])
