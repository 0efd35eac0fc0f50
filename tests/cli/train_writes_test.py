"""A disk that fails under `llava train`: every call that writes below its folder, one after the other, says that the disk is
full or broken (failing_writes.c), while snapshots are written between steps or beside them, and while the result is. The last
snapshot stays, nothing half written does, the exit code is the documented one, and the same command then goes on to the bits
of a run that nothing disturbed. Python's standard library alone; a C compiler is taken from $CC, or is cc.

    LLAVA_FULL=1 python3 train_writes_test.py build/bin/llava
"""

import concurrent.futures
import errno
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from cli_test import COMMAND, run
from training_bench import FULL, Bench

HERE = pathlib.Path(__file__).resolve().parent
# the projector learns: a dozen tensors in a snapshot are twelve writes to fail
SHORT = ("--steps", "2", "--save-every", "1", "--keep", "2", "--train", r"projector\..*", "--torch-files", "--tensorboard")
FAILED = 3  # a record, picture, file or folder


class Writes(Bench):
    @classmethod
    def setUpClass(cls):
        cls.shim = tempfile.mkdtemp() + "/failing_writes.so"
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.shim))
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", str(HERE / "failing_writes.c"), "-o", cls.shim, "-ldl"], check=True)

    def faulted(self, out, *more, **faults):
        names = {f"LLAVA_FAULT_{name.upper()}": str(value) for name, value in faults.items()}
        place = {"LD_PRELOAD": self.shim, "LLAVA_FAULT_BELOW": f"{self.folder}/{out}"}
        return subprocess.run([COMMAND, *self.command(out, *SHORT, *more)], capture_output=True, errors="replace", timeout=120,
                              check=False, env=os.environ | place | names)

    def calls(self, *more):
        """What a run that nothing disturbs asks of the disk, in order: (call, path)."""
        log = self.folder + "/log"
        done = self.faulted("counted", *more, log=log)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = pathlib.Path(log).read_text().splitlines()
        os.unlink(log)
        shutil.rmtree(self.folder + "/counted")
        return [tuple(line.split(" ", 2)[1:]) for line in lines]

    def attempt(self, number, calls, expected, *more, **how):
        """One run whose call `number` fails, and what the same command comes to afterwards."""
        out = f"out-{number}-{len(more)}-{len(how)}"
        told = f"call {number} of {len(calls)}, {calls[number - 1]}, {more} {how}"
        done = self.faulted(out, *more, call=number, errno=(errno.ENOSPC, errno.EIO)[number % 2], **how)
        told += f": {done.returncode} {done.stderr}"
        self.assertIn(done.returncode, (0, FAILED), told)
        folder = pathlib.Path(self.folder, out)
        if folder.exists():
            self.assert_nothing_unfinished(out)
        if done.returncode == FAILED:
            self.assertRegex(done.stderr, f"(?m)^llava: .*({out}|run.lock).*(No space left|Input/output error)", told)
            had = [path for call, path in calls[:number - 1] if call == "renameat2"]
            self.assertGreaterEqual(len(self.snapshots(out)), min(1, len(had)), told)
            again = run(*self.command(out, *SHORT, *more))
            self.assertEqual((again.returncode, b"passed over" in again.stderr), (0, False), f"{told}\n{again.stderr}")
            self.assert_nothing_unfinished(out)
        self.assertEqual(self.weights(out), expected, told)
        shutil.rmtree(folder)
        return done.returncode == FAILED

    def attempts(self, numbers, calls, expected, *more, **how):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            stopped = list(pool.map(lambda number: self.attempt(number, calls, expected, *more, **how), numbers))
        print(f"{len(stopped)} of {len(calls)} calls failed {more} {how}: {sum(stopped)} runs ended with {FAILED} and went on, "
              f"{len(stopped) - sum(stopped)} came through")

    def test_each_call_in_turn(self):
        expected = self.expected(*SHORT)
        for more in ((), ("--save-async",)):
            calls = self.calls(*more)
            last = len(calls)
            if more:  # the result is written as without
                last = next(number for number, (_, path) in enumerate(calls) if "result.tmp" in path)
            numbers = range(1, last + 1) if FULL else range(47, last + 1, 50 if more else 90)
            self.attempts(numbers, calls, expected, *more)

    def test_metrics_that_cannot_be_closed(self):
        calls = self.calls()
        number = max(i for i, (call, path) in enumerate(calls, 1) if call == "close" and path.endswith("metrics.jsonl"))
        self.assertTrue(self.attempt(number, calls, self.expected(*SHORT)), "it went unnoticed")

    def test_a_disk_that_stays_full(self):
        expected, calls = self.expected(*SHORT), self.calls()
        numbers = range(1, len(calls) + 1, 7) if FULL else (len(calls) // 3,)
        self.attempts(numbers, calls, expected, **{"from": 1})

    def test_a_disk_of_two_megabytes(self):
        here, there = self.folder + "/small", self.folder + "/roomy"
        os.mkdir(here)
        script = 'mount -t tmpfs -o size=2m none "$1" || exit 77; shift; "$@"; code=$?; cp -a "$OUT" "$KEPT" && exit $code'
        command = self.command("small/out", "--steps", "8", "--save-every", "1", "--keep", "9")
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", here, COMMAND, *command], capture_output=True, timeout=120,
                              errors="replace", check=False, env=os.environ | {"OUT": here + "/out", "KEPT": there})
        if done.returncode in (1, 77) and ("unshare" in done.stderr or "mount" in done.stderr):
            self.skipTest(f"no file system can be mounted here: {done.stderr}")
        self.assertEqual(done.returncode, FAILED, done.stderr)
        self.assertIn("No space left", done.stderr)
        self.assert_nothing_unfinished("roomy")
        kept = self.snapshots("roomy")
        self.assertEqual(kept, [f"step-{step:08}" for step in range(1, len(kept) + 1)])
        self.assertGreaterEqual(len(kept), 2)
        again = run(*self.command("roomy", "--steps", "8"))
        self.assertEqual((again.returncode, b"passed over" in again.stderr), (0, False), again.stderr)
        self.assertEqual(self.weights("roomy"), self.expected("--steps", "8"))


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("calls are made to fail by a preloaded library, as Linux does it")
    unittest.main()
