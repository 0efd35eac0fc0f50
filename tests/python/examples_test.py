"""The examples do what they say."""

import json
import pathlib
import select
import shutil
import signal
import subprocess
import sys
from typing import IO

from conftest import PICTURE, QUESTION, ROOT, SCENES

EXAMPLES = ROOT / "examples" / "python"


def run(name: str, *arguments: object, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        input=text,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_is_under_two_screens() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) < 60, path


def test_chat_answers_and_answers_again() -> None:
    told = run("chat.py", SCENES, PICTURE, text=f"{QUESTION}\n/again\n\n")
    assert told.count("four") == 2


def told(out: IO[str]) -> str:
    """What comes until the next prompt."""
    text = ""
    while not text.endswith("\n> ") and (letter := out.read(1)):
        text += letter
    return text


def test_ctrl_c_at_the_prompt_of_chat_begins_a_new_line() -> None:
    command = [sys.executable, "-u", str(EXAMPLES / "chat.py"), str(SCENES), str(PICTURE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", bufsize=1) as chat:
        assert chat.stdin and chat.stdout
        told(chat.stdout)
        while not select.select([chat.stdout], [], [], 0.1)[0]:
            chat.send_signal(signal.SIGINT)  # one that comes just before input() waits is heard with the next
        assert told(chat.stdout) == "\n> "
        chat.stdin.write(QUESTION + "\n")
        while (said := told(chat.stdout)) == "\n> ":
            pass
        assert said == "four\n> "
        chat.stdin.close()  # Ctrl-D
    assert chat.returncode == 0


def test_stream_gives_two_answers_at_once() -> None:
    told = run("stream.py", SCENES, PICTURE, QUESTION, "Is there a circle?").splitlines()
    assert told[-2] == f"{QUESTION} four"
    assert told[-1].startswith("Is there a circle? ")


def test_describe_writes_json_and_names_what_is_no_picture(tmp_path: pathlib.Path) -> None:
    shutil.copy(PICTURE, tmp_path / "写真 🦙.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = json.loads(run("describe.py", SCENES, tmp_path, QUESTION))
    assert found["写真 🦙.png"] == {"text": "four", "size": [336, 336], "tokens": 2}
    assert "no known picture format" in found["notes.txt"]["error"]


def test_search_finds_the_picture_itself_first() -> None:
    told = run("search.py", SCENES, SCENES / "examples", PICTURE).splitlines()
    assert len(told) == 3 and told[0].endswith(PICTURE.name)
    assert float(told[0].split()[0]) > 0.999


def test_ask_answers_question_by_question() -> None:
    told = run("ask.py", SCENES, PICTURE, QUESTION, "Is there a circle?").splitlines()
    assert told[0] == "four" and len(told) == 4


def test_train_teaches_own_pictures_and_goes_on(tmp_path: pathlib.Path) -> None:
    pictures = tmp_path / "eigene 写真"
    pictures.mkdir()
    for name, words in (("dotted", "Dots and shapes."), ("striped", "Stripes and shapes.")):
        shutil.copy(SCENES / "examples" / f"{name}.png", pictures)
        (pictures / f"{name}.txt").write_text(words)
    arguments = ("train.py", SCENES, pictures, tmp_path / "tuned", 80, 1e-3)
    told = run(*arguments).splitlines()
    assert told[0].startswith("2 records; the first: <llava.Record 'dotted' 1 pictures, 2 turns")
    steps = [line.split() for line in told if line.startswith("step ")]
    assert [step[1] for step in steps] == [f"{number}/80" for number in range(1, 81)]
    assert float(steps[-1][3]) < float(steps[0][3]) / 3
    assert "shapes" in told[-1] and run(*arguments).splitlines()[-1] == told[-1]
