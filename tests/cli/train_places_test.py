"""Ranks of `llava train` that somebody else starts: on two hosts, each a network namespace with an address of its own, and by
torch's own torchrun. Python's standard library alone; what a machine lacks is skipped with its reason.

    LLAVA_FULL=1 python3 train_places_test.py build/bin/llava
"""

import os
import pathlib
import subprocess
import unittest

from cli_test import COMMAND
from training_bench import FULL, Bench

# Two network namespaces with a cable between them: rank 0 runs in the one, rank 1 in the other. Exit code 77: not here.
TWO_HOSTS = """
unshare -n sleep 100 &
other=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
  [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
  sleep 0.1
done
trap 'kill $other' EXIT
{
  ip link add here type veth peer name there && ip link set there netns $other &&
  ip addr add 10.77.0.1/24 dev here && ip link set here up && ip link set lo up &&
  nsenter -t $other -n sh -c 'ip addr add 10.77.0.2/24 dev there && ip link set there up && ip link set lo up'
} || exit 77
export MASTER_ADDR=10.77.0.1 MASTER_PORT=29500 WORLD_SIZE=2 LOCAL_RANK=0
RANK=1 nsenter -t $other -n "$@" & second=$!
RANK=0 "$@"; first=$?
wait $second; second=$?
echo "codes $first $second"
[ $first = 0 ] && [ $second = 0 ]
"""
CACHE = pathlib.Path(os.environ.get("LLAVA_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "libllava")
TORCHRUN = CACHE / "oracle-venv/bin/torchrun"
FEW = ("--steps", "6", "--save-every", "2")


class Places(Bench):
    def test_two_hosts(self):
        command = [COMMAND, *self.command("out", *FEW)]
        try:
            done = subprocess.run(["unshare", "-rn", "sh", "-c", TWO_HOSTS, "sh", *command], capture_output=True, errors="replace",
                                  timeout=60, check=False)
        except FileNotFoundError as missing:
            self.skipTest(f"there is no {missing.filename}")
        if done.returncode == 77 or done.stderr.startswith("unshare"):
            self.skipTest(f"no two networks can be made here: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.weights("out"), self.expected(*FEW))

    @unittest.skipUnless(FULL, "torch takes long to start; LLAVA_FULL=1 runs it")
    @unittest.skipUnless(TORCHRUN.exists(), "there is no torchrun: tools/oracle --setup fetches one")
    def test_torchrun(self):
        command = [str(TORCHRUN), "--standalone", "--no-python", "--nproc-per-node", "2", COMMAND, *self.command("out", *FEW, "--zero", "1")]
        done = subprocess.run(command, capture_output=True, errors="replace", timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("the model is", done.stdout)
        self.assertEqual(self.weights("out"), self.expected(*FEW))


if __name__ == "__main__":
    unittest.main()
