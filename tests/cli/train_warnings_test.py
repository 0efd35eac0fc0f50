"""What `llava train` says of a run that is not what one would think: no step that learns, samples that are cut, pictures in
another shape. Python's standard library alone.

    python3 train_warnings_test.py build/bin/llava
"""

import json
import pathlib
import shutil
import tempfile
import unittest

from cli_test import PICTURE, TINY, run


class Warnings(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        shutil.copy(PICTURE, self.folder + "/a.jpg")
        rows = [{"id": f"r{i}", "image": "a.jpg", "conversations": [
            {"from": "human", "value": f"<image>\nWhat is {i}?"}, {"from": "gpt", "value": "It is " + "so " * i * 4 + "small."}]} for i in range(4)]
        self.data = self.folder + "/data.json"
        pathlib.Path(self.data).write_text(json.dumps(rows), encoding="utf-8")

    def train(self, out, *more):
        done = run("train", TINY, "--stage", "2", "--data", self.data, "--out", f"{self.folder}/{out}", "--batch", "4", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def weights(self, out):
        return pathlib.Path(self.folder, out, "model.safetensors").read_bytes()

    def test_one_step_that_learns_nothing_is_told_by_plan_and_run(self):
        said = "no step learns, and the result is what the run began with; set warmup_steps to 0 (--warmup 0)"
        self.assertIn(said, self.train("out", "--plan")[0])
        out, err = self.train("out")
        self.assertIn("warning: 1 step, 1 of warm-up, which begins at learning rate 0: " + said, err)
        self.assertRegex(err, r"step 1/1  loss .* [0-9.e-]+ TFLOP/s  ")
        out, err = self.train("other", "--warmup", "0")
        self.assertNotIn("warning", err)
        self.assertNotEqual(self.weights("out"), self.weights("other"))

    def test_an_adapter_sees_pictures_as_it_was_trained(self):
        self.train("lora", "--lora-r", "2", "--steps", "1", "--image-aspect-ratio", "pad")
        self.assertEqual(run("merge-lora", TINY, self.folder + "/lora", self.folder + "/merged").returncode, 0)
        seen = [run("pixels", *call, PICTURE, "-o", "-").stdout for call in
                ((TINY,), (TINY, "--adapter", self.folder + "/lora"), (self.folder + "/merged",))]
        self.assertGreater(len(seen[0]), 100)
        self.assertNotEqual(seen[0], seen[1])
        self.assertEqual(seen[1], seen[2])

    def test_samples_that_are_cut_are_named_and_counted(self):
        plan = json.loads(self.train("out", "--plan", "--json")[0])
        longest = plan["tokens"]["longest"]
        self.assertGreater(2048, plan["settings"]["max_length"])  # the model's context holds
        more = ["--max-length", str(longest - 1), "--warmup", "0", "--epochs", "2"]
        self.assertRegex(self.train("out", "--plan", *more)[0], rf"(?m)^cut +1: record 4 \(r3\) of {longest}$")
        out, err = self.train("out", *more)
        self.assertEqual(err.count("warning: "), 1)
        self.assertIn(f'{longest - 1} positions, are cut: what is beyond it is not learned. The first are record 4 (id "r3"): {longest}', err)
        self.assertIn(f"2 samples cut to {longest - 1} positions", out)

    def test_the_shape_of_pictures_is_said_and_can_be_chosen(self):
        self.assertRegex(self.train("out", "--plan")[0], r"(?m)^settings.image_aspect_ratio +pad$")
        self.assertRegex(self.train("out", "--plan", "--image-aspect-ratio", "square")[0], r"(?m)^settings.image_aspect_ratio +square$")
        self.assertRegex(self.train("out", "--plan", "--set", "image_aspect_ratio=square")[0], r"(?m)^settings.image_aspect_ratio +square$")
        wrong = run("train", TINY, "--data", self.data, "--out", self.folder + "/out", "--image-aspect-ratio", "round")
        self.assertEqual(wrong.returncode, 2)
        self.assertIn(b'"round", expected "pad" or "square"', wrong.stderr)


if __name__ == "__main__":
    unittest.main()
