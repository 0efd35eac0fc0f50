"""The examples in C and C++ do what they say, and are short.

usage: examples_test.py --programs FOLDER --source ROOT
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

QUESTION = "How many shapes are there?"
LINES = 70  # two screens
ROOT = PROGRAMS = PICTURES = SCENES = pathlib.Path()


def run(name, *arguments, text="", code=0):
    done = subprocess.run([str(PROGRAMS / name), *map(str, arguments)], capture_output=True, encoding="utf-8", input=text, timeout=120,
                          env={**os.environ, "OMP_WAIT_POLICY": "passive"})
    assert done.returncode == code, f"{name} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def both(name, *arguments, **more):
    """What the C program and the C++ program print."""
    return [run(f"{name}_{language}", *arguments, **more) for language in ("c", "cpp")]


class Examples(unittest.TestCase):
    def test_each_is_under_two_screens_and_says_how_it_is_used(self):
        for path in sorted([*(ROOT / "examples").glob("*.c"), *(ROOT / "examples").glob("*.cpp")]):
            text = path.read_text(encoding="utf-8")
            self.assertLess(len(text.splitlines()), LINES, path.name)
            self.assertIn(f"usage: {path.stem} ", text)

    def test_a_missing_model_is_named(self):
        for said in both("describe", "no such model", PICTURES, QUESTION, code=1):
            self.assertIn("no such model does not exist", said)

    def test_chat_answers_again_and_survives_a_missing_picture(self):
        lines = f"/image {PICTURES / 'dotted.png'}\n{QUESTION}\n/again\n/image nowhere.png\n{QUESTION}\n"
        for said in both("chat", SCENES, text=lines):
            self.assertEqual(said.count("four"), 3)
            self.assertIn("nowhere.png: No such file or directory", said)

    def test_ctrl_c_at_the_prompt_of_chat_is_not_meant_for_the_next_question(self):
        for language in ("c", "cpp"):
            chat = subprocess.Popen([PROGRAMS / f"chat_{language}", SCENES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

            def told(line):
                chat.stdin.write(line + "\n")
                text = ""
                while not text.endswith("> ") and (letter := chat.stdout.read(1)):
                    text += letter
                return text

            with chat:
                self.assertEqual(chat.stdout.read(2), "> ")
                self.assertEqual(told(f"/image {PICTURES / 'dotted.png'}"), "> ")
                for line in (QUESTION, "/again"):  # the second time too
                    chat.send_signal(signal.SIGINT)
                    self.assertEqual(told(line), "four\n> ")
                chat.stdin.close()
            self.assertEqual(chat.returncode, 0)

    def test_chat_in_cpp_saves_and_opens(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "gespräch 💬"
            lines = f"/image {PICTURES / 'dotted.png'}\n{QUESTION}\n/save {file}\n"
            first = run("chat_cpp", SCENES, text=lines)
            again = run("chat_cpp", SCENES, text=f"/open {file}\n/again\n")
        self.assertIn("four", first)
        self.assertIn("four", again)

    def test_stream_tells_every_answer(self):
        said = run("stream_c", SCENES, PICTURES / "dotted.png", QUESTION, "Is there a circle?")
        self.assertIn(f"> {QUESTION}\nfour\n", said)
        self.assertEqual(said.count("prompt tokens were there already"), 2)
        said = run("stream_cpp", SCENES, PICTURES / "dotted.png", QUESTION, "Is there a circle?")
        self.assertIn(f"{QUESTION} | four\n", said)
        self.assertEqual(said.count("ms to the first)"), 2)

    def test_describe_writes_json_and_names_what_is_no_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder) / "写真 🦙"
            place.mkdir()
            shutil.copy(PICTURES / "dotted.png", place / 'a "quoted" 猫.png')
            (place / "notes.txt").write_text("no picture", encoding="utf-8")
            in_c, in_cpp = both("describe", SCENES, place, QUESTION)
        found = json.loads(in_c)
        self.assertEqual(in_c, in_cpp)
        self.assertEqual(found['a "quoted" 猫.png'], {"text": "four"})
        self.assertEqual(found["notes.txt"]["status"], "FORMAT")

    def test_search_finds_the_picture_itself_first(self):
        in_c, in_cpp = both("search", SCENES, PICTURES / "dotted.png", *sorted(PICTURES.glob("*.png")))
        self.assertEqual(sorted(in_c.splitlines(), reverse=True), in_cpp.splitlines())
        self.assertEqual(in_cpp.splitlines()[0], f" 1.000  {PICTURES / 'dotted.png'}")

    def test_train_makes_a_model_that_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            place = pathlib.Path(folder)
            turns = [{"from": "human", "value": f"<image>\n{QUESTION}"}, {"from": "gpt", "value": "four"}]
            records = [{"id": str(number), "image": name, "conversations": turns} for number, name in enumerate(("dotted.png", "striped.png"))]
            (place / "data.json").write_text(json.dumps(records), encoding="utf-8")
            for language in ("c", "cpp"):
                out = place / language
                said = run(f"train_{language}", SCENES, place / "data.json", PICTURES, out, 2)
                self.assertIn("step 2 of 2", said)
                self.assertIn("four", run(f"ask_{language}", out, PICTURES / "dotted.png", QUESTION))
            self.assertIn('"event":"step"', said.replace(" ", ""))


def main():
    global ROOT, PROGRAMS, PICTURES, SCENES
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", required=True, type=pathlib.Path)
    parser.add_argument("--source", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    ROOT, PROGRAMS, SCENES = arguments.source, arguments.programs, arguments.source / "models/scenes"
    PICTURES = SCENES / "examples"
    unittest.main(argv=[sys.argv[0]], verbosity=2)


if __name__ == "__main__":
    main()
