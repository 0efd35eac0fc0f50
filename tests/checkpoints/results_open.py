#!/usr/bin/env python3
"""Opens what `llava train` leaves, of stage 1 and of stage 2, with transformers' from_pretrained and torch.load, and compares its
logits and its projector with our own.

    ~/.cache/libllava/oracle-venv/bin/python tests/checkpoints/results_open.py build/bin/llava

Needs the oracle's packages: `tools/test --full` runs it where tools/oracle has fetched them.
"""

import pathlib
import sys
import unittest

import numpy
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools" / "reference"), str(HERE.parent / "cli"), str(HERE)]

from cli_test import PICTURE, TINY, run  # noqa: E402
from run import IMAGE_PLACE, prepare_torch  # noqa: E402
from training_bench import Bench  # noqa: E402
from transformers_opens import logits_of  # noqa: E402

IDS = [1, 5, IMAGE_PLACE, 7, 20, 9]
TOLERANCE = 1e-5  # of the largest logit, or of 1: rulings.md, 32


def far(found, wanted):
    return float((found - wanted).abs().max() / max(1.0, float(wanted.abs().max())))


class Results(Bench):
    def ours(self, *arguments):
        """What the command writes as .npy."""
        done = run(*arguments, "-o", self.folder + "/numbers.npy")
        self.assertEqual(done.returncode, 0, done.stderr)
        return torch.from_numpy(numpy.load(self.folder + "/numbers.npy"))

    def logits(self, model):
        return self.ours("logits", model, "--ids=" + ",".join(map(str, IDS)), "--image", PICTURE)

    def test_a_result_is_the_same_model_for_transformers_and_torch(self):
        prepare_torch()
        for stage in ("1", "2"):
            out = pathlib.Path(self.folder, "stage-" + stage)
            words = self.command(out.name, "--steps", "8", "--torch-files", "--projector-file")
            words[words.index("--stage") + 1] = stage
            done = run(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            mine = self.logits(str(out))
            self.assertGreater(far(self.logits(TINY), mine), 1e-3)  # it has learned something
            expected = {"ids": torch.tensor(IDS), "pixels": self.ours("pixels", str(out), PICTURE)[None]}
            with torch.no_grad():
                theirs = logits_of(out, expected)
            self.assertLessEqual(mine.shape[1], theirs.shape[1])  # rows beyond the vocabulary are padding
            difference = far(mine, theirs[:, : mine.shape[1]])
            self.assertLessEqual(difference, TOLERANCE)
            projector = torch.load(out / "mm_projector.bin", weights_only=True)
            self.assertEqual(sorted(projector), [f"model.mm_projector.{layer}.{part}" for layer in (0, 2) for part in ("bias", "weight")])
            whole, beside = load_file(out / "model.safetensors"), load_file(out / "mm_projector.safetensors")
            for name, values in projector.items():
                self.assertTrue(torch.equal(values, beside[name]), name)
                layer, part = name.split(".")[-2:]
                self.assertTrue(torch.equal(values, whole[f"multi_modal_projector.linear_{1 if layer == '0' else 2}.{part}"]), name)
            print(f"stage {stage}: logits differ by {difference:.1e}; {len(projector)} tensors in mm_projector.bin are the model's")


if __name__ == "__main__":
    unittest.main()
