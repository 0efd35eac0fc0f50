"""Teaches a model about own pictures: train.py MODEL PICTURES OUT [STEPS [RATE]]

Each picture of the folder that has a text of its name beside it (dog.jpg, dog.txt) becomes a record: the text is the
answer to "Describe the picture." Every 50th step is saved, and the one that Ctrl-C ends; the same command goes on from there.
llava.load(OUT) opens what came out.
"""

import json
import pathlib
import sys

import llava

QUESTION = "Describe the picture."


def write_records(pictures: pathlib.Path, path: pathlib.Path) -> None:
    records = []
    for picture in sorted(pictures.iterdir()):
        words = picture.with_suffix(".txt")
        if picture.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp") and words.exists():
            turns = [("human", f"<image>\n{QUESTION}"), ("gpt", words.read_text(encoding="utf-8").strip())]
            said = [{"from": speaker, "value": text} for speaker, text in turns]
            records.append({"id": picture.stem, "image": picture.name, "conversations": said})
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1), encoding="utf-8")


def main(folder: str, pictures: pathlib.Path, out: pathlib.Path, steps: int, rate: float) -> None:
    path = out.with_suffix(".records.json")
    write_records(pictures, path)
    with llava.Dataset(path, image_root=pictures) as data:
        for bad in data.check(folder)["bad"]:
            sys.exit(f"{bad['problem']}: {bad['message']}")
        print(f"{len(data)} records; the first: {data[0]}")
        with llava.Trainer(folder, data, out, stage=2, steps=steps, batch=2, lr=rate, save_every=50) as trainer:
            try:
                for event in trainer:
                    if event.type != "progress":
                        print(event)
            except KeyboardInterrupt:
                sys.exit(f"saved at step {trainer.metrics.step}; the same command goes on")
        with llava.load(out) as model:
            print(model.ask(QUESTION, data[0].images(), temperature=0))


if __name__ == "__main__":
    length = int(sys.argv[4]) if len(sys.argv) > 4 else 100
    peak = float(sys.argv[5]) if len(sys.argv) > 5 else 2e-5
    main(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), length, peak)
