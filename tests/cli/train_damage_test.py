"""Snapshots of `llava train` that were damaged on the disk: the one before is taken, or the run refuses; it never goes on from
what is damaged. tests/train/snapshot_test.cpp turns the bits one by one; here some are seen by the command. And a run whose
numbers are no longer finite. Python's standard library alone.

    python3 train_damage_test.py build/bin/llava
"""

import json
import pathlib
import random
import shutil
import unittest

from cli_test import run
from training_bench import FULL, Bench

FEW = ("--steps", "3", "--save-every", "1", "--keep", "3")


class Damage(Bench):
    def test_the_snapshot_before_is_taken(self):
        self.whole(*FEW)
        expected, drawn = self.weights("whole"), random.Random(3)
        for number in range(60 if FULL else 3):
            shutil.rmtree(self.folder + "/out", ignore_errors=True)
            shutil.copytree(self.folder + "/whole", self.folder + "/out")
            file = pathlib.Path(self.folder, "out/checkpoints/step-00000003", ("state.safetensors", "manifest.json")[number % 2])
            data = bytearray(file.read_bytes())
            if number % 3 == 2:
                del data[drawn.randrange(len(data)):]
            else:
                data[drawn.randrange(len(data))] ^= 1 << drawn.randrange(8)
            file.write_bytes(data)
            done = run(*self.command("out", *FEW, "--json"))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stderr.decode(errors="replace"), r"passed over: .*step-00000003/" + file.name)
            self.assertRegex(json.loads(done.stdout)["resumed_from"], "step-00000002$")
            self.assertEqual(self.weights("out"), expected)

    def test_one_that_was_asked_for_by_name_is_refused(self):
        self.whole(*FEW)
        manifest = pathlib.Path(self.folder, "whole/checkpoints/step-00000002/manifest.json")
        manifest.write_text(manifest.read_text().replace('"step": 2', '"step": 1'))
        done = run(*self.command("out", *FEW, "--resume", str(manifest.parent)))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"manifest.json: is damaged", done.stderr)
        self.assertFalse(pathlib.Path(self.folder, "out/model.safetensors").exists())


class Diverged(Bench):
    def test_a_run_that_is_not_finite_ends_with_a_code_of_its_own_and_keeps_what_it_had(self):
        for ranks in ((), ("--nproc", "2")):
            out = "out" + "".join(ranks)
            done = run(*self.command(out, "--lr", "100", "--set", "weight_decay=100", "--steps", "30", "--save-every", "1", *ranks))
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr.decode(), r"step \d+.*(finite|nan|inf)")
            self.assertRegex(done.stderr.decode(), r"records \d+")
            self.assertTrue(self.snapshots(out))
            self.assertEqual(json.loads(pathlib.Path(self.folder, out, "run.json").read_text())["state"], "left")


if __name__ == "__main__":
    unittest.main()
