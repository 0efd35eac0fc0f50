"""The chat of the command `llava`: dialogues over a pipe, and in a terminal with Ctrl-C. Python's standard library alone.

    python3 dialogue_test.py build/bin/llava
"""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import tempfile
import time
import unittest

from cli_test import COMMAND, PICTURE, TINY, run


class Dialogue(unittest.TestCase):
    """A dialogue without a terminal: questions and commands from a pipe."""

    def talk(self, lines, *options):
        done = run("chat", TINY, "--max-tokens", "8", *options, stdin=lines.encode())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def test_a_picture_waits_for_a_question_that_is_answered(self):
        picture, long = f"/image {PICTURE}\n", "word " * 4000 + "\n"
        seen, failures = self.talk(picture + "What is this?\n", "--greedy")
        self.assertEqual(failures, "")
        again, failures = self.talk(picture + long + "What is this?\n", "--greedy")
        self.assertIn("llava: the conversation needs", failures)
        self.assertEqual(again, seen)
        self.assertFalse(seen.endswith(self.talk("What is this?\n", "--greedy")[0]), "the picture makes a difference")

    def test_reset_forgets_the_question_to_regenerate(self):
        said, failures = self.talk("One?\nTwo?\n/reset\n/regenerate\n", "--greedy")
        self.assertEqual(failures, "")
        self.assertTrue(said.endswith("nothing was asked yet\n"), said)

    def test_regenerating_leaves_the_seed_of_the_command_line(self):
        options = ("--seed", "7", "--temperature", "1")
        once, _ = self.talk("One?\n", *options)
        thrice, _ = self.talk("One?\n/regenerate\n/reset\nOne?\n", *options)
        self.assertTrue(thrice.startswith(once) and thrice.endswith(once), (once, thrice))


def copy_that_talks_on(folder):
    """The tiny model with room for 16 384 positions; its end token's row of the head is zero, so it never wins."""
    model = folder + "/talker"
    shutil.copytree(TINY, model)
    config = json.loads(pathlib.Path(model, "config.json").read_text())
    config["text_config"]["max_position_embeddings"] = 16384
    pathlib.Path(model, "config.json").write_text(json.dumps(config))
    weights = pathlib.Path(model, "model.safetensors")
    data = bytearray(weights.read_bytes())
    header_end = 8 + int.from_bytes(data[:8], "little")
    head = json.loads(data[8:header_end])["language_model.lm_head.weight"]
    (rows, _), (begin, end) = head["shape"], head["data_offsets"]
    row, end_token = (end - begin) // rows, 2
    begin += header_end + end_token * row
    data[begin:begin + row] = bytes(row)
    weights.write_bytes(data)
    return model


class Terminal(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        model = copy_that_talks_on(folder.name) if "ctrl_c" in self.id() else TINY
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execv(COMMAND, [COMMAND, "chat", model, "--greedy", "--max-tokens", "16000"])
        self.seen = b""

    def tearDown(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.terminal)

    def wait_for(self, pattern, seconds=20):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            self.assertLess(time.monotonic(), end, f"{pattern} did not come; so far: {self.seen!r}")
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.seen += os.read(self.terminal, 65536)
        end = re.search(pattern, self.seen).end()
        before, self.seen = self.seen[:end], self.seen[end:]
        return before

    def type(self, text):
        os.write(self.terminal, text.encode())

    def test_a_dialogue(self):
        with tempfile.TemporaryDirectory() as folder:
            self.wait_for(rb"> ")
            self.type(f"/image {PICTURE}\n")
            self.wait_for(rb"goes with the next question")
            self.type("What is this?\n")
            self.wait_for(rb"(?s)tokens/s.*> ", 60)
            self.type("/regenerate\n")
            self.wait_for(rb"(?s)tokens/s.*> ", 60)
            self.type(f"/save {folder}/talk.safetensors\n")
            self.wait_for(rb"saved")
            self.assertTrue(os.path.exists(folder + "/talk.safetensors"))
            self.type("/undo\n/undo\n")
            self.wait_for(rb"nothing to undo")
            self.type("/quit\n")
            self.assertEqual(os.waitpid(self.pid, 0)[1], 0)

    def test_ctrl_c_that_stopped_an_answer_says_nothing_about_the_prompt(self):
        self.wait_for(rb"> ")
        self.type("word\n")
        self.wait_for(rb"(?s)word\r\n.+")  # the answer has begun, and has thousands of tokens to go
        self.type("\x03")
        said = self.wait_for(rb"(?s)stopped.*> ")
        time.sleep(0.3)
        self.type("/help\n")
        said += self.wait_for(rb"(?s)/undo.*> ")
        self.assertNotIn(b"(/quit leaves)", said)
        self.type("/quit\n")
        self.assertEqual(os.waitpid(self.pid, 0)[1], 0)

    def test_threads_wait_without_spinning(self):
        self.wait_for(rb"> ")
        settings = pathlib.Path(f"/proc/{self.pid}/environ").read_bytes().split(b"\0")
        expected = os.environ.get("OMP_WAIT_POLICY", "passive").encode()
        self.assertIn(b"OMP_WAIT_POLICY=" + expected, settings)

    def test_ctrl_c_at_the_prompt_does_not_end_the_program(self):
        self.wait_for(rb"> ")
        self.type("\x03")
        self.wait_for(rb"/quit leaves")
        self.type("/quit\n")
        self.assertEqual(os.waitpid(self.pid, 0)[1], 0)


if __name__ == "__main__":
    unittest.main(verbosity=1)
