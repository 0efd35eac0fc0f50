"""What the tests of `llava train` share: records for a run of forty short steps of a tiny model, the run's command, what is
left in its folder, and the processes that `--nproc` starts. Python's standard library alone.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from cli_test import COMMAND, PICTURE, TINY, run

STEPS = 40
FULL = os.environ.get("LLAVA_FULL") == "1"


class Bench(unittest.TestCase):
    made = {}

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        shutil.copy(PICTURE, self.folder + "/a.jpg")
        rows = []
        for i in range(12):
            seen = {"image": "a.jpg"} if i % 3 else {}
            rows.append({"id": str(i), **seen, "conversations": [
                {"from": "human", "value": ("<image>\n" if seen else "") + f"What is {i}?"}, {"from": "gpt", "value": f"It is {i * i}."}]})
        self.data = self.folder + "/data.json"
        pathlib.Path(self.data).write_text(json.dumps(rows), encoding="utf-8")

    def command(self, out, *more):
        return ["train", TINY, "--stage", "2", "--data", self.data, "--out", f"{self.folder}/{out}", "--batch", "4", "--micro-batch", "2",
                "--steps", str(STEPS), "--lr", "1e-3", "--threads", "1", *more]

    def weights(self, out):
        return pathlib.Path(self.folder, out, "model.safetensors").read_bytes()

    def expected(self, *more):
        """The weights of a run that nothing disturbs; one that several tests ask for is made once."""
        if more not in Bench.made:
            self.whole(*more)
            Bench.made[more] = self.weights("whole")
        return Bench.made[more]

    def whole(self, *more):
        done = run(*self.command("whole", *more))
        self.assertEqual(done.returncode, 0, done.stderr)

    def start(self, *more, out="out", **how):
        return subprocess.Popen([COMMAND, *self.command(out, *more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)

    def steps(self, out="out"):
        metrics = pathlib.Path(self.folder, out, "metrics.jsonl")
        return metrics.read_bytes().count(b"\n") if metrics.exists() else 0

    def wait_for_step(self, count, out="out"):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.steps(out) >= count:
                return
            time.sleep(0.005)
        self.fail("no step came")

    def snapshots(self, out="out"):
        folder = pathlib.Path(self.folder, out, "checkpoints")
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def assert_nothing_unfinished(self, out="out"):
        left = [str(path) for path in pathlib.Path(self.folder, out).rglob("*") if ".tmp" in path.name]
        self.assertEqual(left, [])


def ranks_of(process):
    """The ranks that `llava train --nproc` has started so far: their number and process."""
    found = {}
    for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"):
        for child in path.read_text().split():
            try:
                words = pathlib.Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
                program = os.path.basename(os.readlink(f"/proc/{child}/exe"))
            except OSError:
                continue
            place = [int(word[5:]) for word in words if word.startswith(b"RANK=")]
            if place and program == "llava-rank":
                found[place[0]] = int(child)
    return found
