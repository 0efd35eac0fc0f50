"""The memory that `llava train --plan` promises against what a run then takes: the peak of the process less what it had before,
within five per cent. Models of random numbers, written here. Python's standard library alone.

    LLAVA_TEST_MEMORY=full python3 memory_plan_test.py build/bin/llava     about a hundred million parameters, not 25
"""

import json
import os
import pathlib
import random
import shutil
import struct
import tempfile
import unittest

from cli_test import PICTURE, TINY, run

FULL = os.environ.get("LLAVA_TEST_MEMORY") == "full"
WIDTH, INNER, BLOCKS, HEADS = (768, 2048, 13, 12) if FULL else (512, 1408, 8, 8)
WITHIN = 0.05


def header_of(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        return {name: entry for name, entry in json.loads(file.read(size)).items() if name != "__metadata__"}


def shapes():
    """The tiny model's tensors with a wide language model in place of its own."""
    old = json.loads(pathlib.Path(TINY, "config.json").read_text())["text_config"]
    wider = {old["hidden_size"]: WIDTH, old["intermediate_size"]: INNER, 2 * old["hidden_size"] // old["num_attention_heads"]: WIDTH}
    found = {}
    for name, entry in header_of(pathlib.Path(TINY, "model.safetensors")).items():
        shape = entry["shape"]
        if name.startswith("language_model."):
            shape = [wider.get(size, size) for size in shape]
        if name.startswith("multi_modal_projector."):
            shape = [WIDTH if size == old["hidden_size"] else size for size in shape]
        if ".layers." not in name or not name.startswith("language_model."):
            found[name] = shape
        elif ".layers.0." in name:
            for block in range(BLOCKS):
                found[name.replace(".layers.0.", f".layers.{block}.")] = shape
    return found


def write_model(folder):
    shutil.copytree(TINY, folder)
    config = json.loads(pathlib.Path(folder, "config.json").read_text())
    config["text_config"] |= {"hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": BLOCKS, "num_attention_heads": HEADS,
                              "num_key_value_heads": HEADS}
    pathlib.Path(folder, "config.json").write_text(json.dumps(config))
    drawn = random.Random(1)
    some = struct.pack("<65536f", *(drawn.gauss(0, 0.02) for _ in range(65536)))
    header, end = {}, 0
    for name, shape in shapes().items():
        count = 1
        for size in shape:
            count *= size
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * count]}
        end += 4 * count
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(pathlib.Path(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, entry in header.items():
            size = entry["data_offsets"][1] - entry["data_offsets"][0]
            one = struct.pack("<f", 1) * (size // 4) if "norm" in name and name.endswith("weight") else b""
            file.write(one or (some * (size // len(some) + 1))[:size])
    return end // 4


class MemoryPlan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.model = cls.folder + "/model"
        cls.parameters = write_model(cls.model)
        shutil.copy(PICTURE, cls.folder + "/a.jpg")
        words = " ".join(str(number) for number in range(40))
        rows = [{"id": str(i), "image": "a.jpg", "conversations": [
            {"from": "human", "value": "<image>\nCount."}, {"from": "gpt", "value": words}]} for i in range(8)]
        pathlib.Path(cls.folder, "data.json").write_text(json.dumps(rows))

    def held(self, name, *more, resumed=False):
        """`resumed`: and once more from the snapshot of the first step, which may take no more."""
        more += ("--save-every", "1") if resumed else ()
        command = ["train", self.model, "--data", self.folder + "/data.json", "--out", f"{self.folder}/{name}", "--batch", "4",
                   "--micro-batch", "2", "--steps", "2", "--json", *more]
        plan = json.loads(run(*command, "--plan").stdout)
        self.assertEqual(plan["parameters"], self.parameters)
        self.assertLess(abs(self.measured(name, plan, *command) - 1), WITHIN, plan["memory"])
        if resumed:
            again = [f"{self.folder}/{name}-again" if word == f"{self.folder}/{name}" else word for word in command]
            ratio = self.measured(f"{name}-again", plan, *again, "--resume", f"{self.folder}/{name}/checkpoints/step-00000001")
            self.assertLess(ratio, 1 + WITHIN, plan["memory"])
        for folder in (name, f"{name}-again"):
            shutil.rmtree(f"{self.folder}/{folder}", ignore_errors=True)

    def measured(self, name, plan, *command):
        done = run(*command)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        taken = report["peak_resident_bytes"] - report["resident_before_bytes"]
        ratio = taken / plan["memory"]["total"]
        print(f"{name}: {self.parameters / 1e6:.1f} M parameters, planned {plan['memory']['total'] / 1e6:.0f} MB, "
              f"taken {taken / 1e6:.0f} MB: {ratio:.3f}", flush=True)
        return ratio

    @unittest.skipUnless(FULL, "the same as with a copy, less the copy")
    def test_stage_2(self):
        self.held("all-learns", "--stage", "2")

    def test_stage_2_with_a_copy_for_snapshots(self):
        self.held("async", "--stage", "2", "--save-every", "1", "--save-async")

    @unittest.skipUnless(FULL, "what the library itself takes is a fifth of so small a stage 1")
    def test_stage_1(self):
        self.held("projector-learns", "--stage", "1")

    def test_two_ranks_and_all_in_shards(self):
        self.held("shards", "--stage", "2", "--nproc", "2", "--zero", "3", resumed=not FULL)

    def test_stage_2_in_bf16(self):
        self.held("bf16", "--stage", "2", "--dtype", "bf16")

    @unittest.skipUnless(FULL, "the same with less in shards")
    def test_two_ranks_in_bf16(self):
        for level in "0123":
            self.held("bf16-level-" + level, "--stage", "2", "--dtype", "bf16", "--nproc", "2", "--zero", level)

    @unittest.skipUnless(FULL, "the same with less in shards")
    def test_two_ranks(self):
        for level in "012":
            self.held("level-" + level, "--stage", "2", "--nproc", "2", "--zero", level)

    def test_lora(self):
        self.held("lora", "--stage", "2", "--lora-r", "64")


if __name__ == "__main__":
    unittest.main()
