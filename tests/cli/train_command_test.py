"""`llava train` as a shell sees it: a run from records to a model, and whatever can interrupt one: Ctrl-C, kill -9 at any
instant, a disk that is full, a folder that cannot be written. Python's standard library alone.

    LLAVA_TEST_KILLS=100 python3 train_command_test.py build/bin/llava
"""

import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
import unittest

from cli_test import CHECKPOINTS, COMMAND, PICTURE, TINY, run
from training_bench import STEPS, Bench

KILLS = int(os.environ.get("LLAVA_TEST_KILLS", "20"))


class Run(Bench):
    def test_a_run_ends_in_a_model_and_its_record(self):
        done = run(*self.command("out", "--eval", self.data, "--plot", "--json"))
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["step"], report["steps"]), (STEPS, STEPS))
        self.assertLess(report["eval_loss"], report["first_loss"])
        lines = [json.loads(line) for line in pathlib.Path(self.folder, "out/metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines if "loss" in line], list(range(1, STEPS + 1)))
        for key in ("lr", "grad_norm", "samples", "tokens", "seconds"):
            self.assertIn(key, lines[0])
        self.assertIn("<svg", pathlib.Path(self.folder, "out/loss.svg").read_text())
        said = run("chat", self.folder + "/out", "--image", PICTURE, "--prompt", "What is 3?", "--greedy", "--max-tokens", "4")
        self.assertEqual((said.returncode, said.stderr), (0, b""))
        again = run(*self.command("out", "--eval", self.data, "--json"))  # nothing is left to do
        self.assertEqual((again.returncode, json.loads(again.stdout)["samples"]), (0, report["samples"]))

    def test_a_plan_writes_nothing(self):
        done = run(*self.command("out", "--plan", "--json"))
        plan = json.loads(done.stdout)
        self.assertEqual((done.returncode, plan["steps"], plan["records"]), (0, STEPS, 12))
        self.assertFalse(os.path.exists(self.folder + "/out"))
        said = run(*self.command("out", "--plan")).stdout.decode()
        self.assertRegex(said, r"settings.lr +0.001\n")
        self.assertRegex(said, r"fits +yes\n")
        self.assertRegex(said, r"time +known after 10 steps")
        self.assertRegex(run(*self.command("out", "--plan", "--device", "cuda")).stdout.decode(), r"device_memory.total +\d+\n")

    def test_config_set_and_flags_in_this_order(self):
        config = self.folder + "/config.json"
        pathlib.Path(config).write_text(json.dumps({"lr": 1, "beta2": 0.5, "clip": 3}))
        plan = json.loads(run(*self.command("out", "--plan", "--json", "--config", config, "--set", "beta2=0.95",
                                             "--sum-order", "chain", "--schedule", "wsd", "--decay-ratio", "0.5")).stdout)
        self.assertEqual([plan["settings"][key] for key in ("lr", "beta2", "clip", "sum_order", "schedule", "decay_steps")],
                         [1e-3, 0.95, 3, "chain", "wsd", STEPS // 2])
        for wrong, said in ((("--set", "beta3=1"), b'key "beta3" is unknown'), (("--set", "lr"), b"expected key=value"),
                            (("--micro-batch", "x"), b"is no number"), (("--lr", "-5"), b"--lr is -5"),
                            (("--device", "tpu"), b'device "tpu" is not known'), (("--device", "cuda:77"), b'device "cuda:77"'),
                            (("--train", "("), b"what learns is"), (("--preset", "x"), b"there are llava-1.5"),
                            (("--stage", "3"), b"--stage"), (("--sum-order", "ring"), b'sum_order'),
                            (("--decay-ratio", "0.5"), b"expected wsd where decay_ratio is set")):
            done = run(*self.command("out", *wrong))
            self.assertIn(said, done.stderr)
            self.assertIn(done.returncode, (2, 3), wrong)

    def test_folders_and_records_that_cannot_be_used(self):
        self.assertEqual(run(*self.command("out", "--steps", "2")).returncode, 0)
        done = run(*self.command("out", "--lr", "1e-4", "--steps", "2"))
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"lr is", done.stderr)
        self.assertIn(b"holds other things", run(*self.command(".")).stderr)
        rows = json.loads(pathlib.Path(self.data).read_text())
        rows[5]["image"] = "gone.jpg"
        pathlib.Path(self.data).write_text(json.dumps(rows))
        done = run(*self.command("bad"))
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr.decode(), r"record 6 .*gone\.jpg")
        done = run(*self.command("bad", "--skip-bad", "1"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"1 records left out", done.stdout)


    def test_lora_is_told_apart_from_the_model_and_leaves_what_the_original_reads(self):
        done = run(*self.command("out", "--lora-r", "2", "--steps", "2", "--torch-files"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr.decode(), r"[\d.]+ of [\d.]+ million parameters learn, and [\d.]+ million beside them")
        self.assertIn("non_lora_trainables.bin", os.listdir(self.folder + "/out"))
        config = json.loads(pathlib.Path(self.folder, "out/config.json").read_text())  # the original's loader reads it from here
        self.assertEqual((config["model_type"], config["mm_projector_type"]), ("llava_llama", "mlp2x_gelu"))
        self.assertIn(b"is an adapter", run("info", self.folder + "/out").stderr)
        said = run("chat", TINY, "--adapter", self.folder + "/out", "--prompt", "Hi", "--greedy", "--max-tokens", "2")
        self.assertEqual((said.returncode, said.stderr), (0, b""))

    def test_an_adapter_says_how_it_is_opened(self):
        parts = [f"{CHECKPOINTS}parts_base", "--vision-tower", f"{CHECKPOINTS}parts_clip"]
        done = run("train", *parts, "--new-projector", "mlp2x_gelu", "--stage", "2", "--template", "plain", "--data", self.data, "--out",
                   self.folder + "/out", "--lora-r", "2", "--train", r"projector\..*", "--batch", "4", "--steps", "1", "--warmup", "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        (command,) = re.findall(r"^open it with: llava (.*)$", done.stdout.decode(), re.M)
        said = run(*command.split(), "--template", "plain", "--prompt", "Hi", "--greedy", "--max-tokens", "2")
        self.assertEqual((said.returncode, said.stderr), (0, b""))

    def test_stage_1_says_how_many_records_teach_nothing(self):
        command = [word if word != "2" or before != "--stage" else "1" for before, word in zip(["", *self.command("out")], self.command("out"))]
        done = run(*command, "--steps", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"4 of 12 records have no picture", done.stderr)
        self.assertRegex(run(*command, "--plan").stdout.decode(), r"without_picture +4\n")


class Ranks(Bench):
    """Processes that are told their place by the environment, as torchrun does."""

    def start_at(self, rank, size, port, out, *more):
        place = {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        return subprocess.Popen([COMMAND, *self.command(out, *more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | place)

    def test_two_that_were_started_by_others_end_with_the_bits_of_one(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        both = [self.start_at(rank, 2, port, "out", "--zero", "1") for rank in range(2)]
        said = [process.communicate(timeout=60) for process in both]
        self.assertEqual([process.returncode for process in both], [0, 0], said)
        self.assertIn(b"the model is", said[0][0])
        self.assertEqual(said[1][0], b"")
        self.assertEqual(self.weights("out"), self.expected())

    def test_what_is_wrong_with_a_place_is_told_by_its_variable(self):
        process = self.start_at(3, 2, 1, "out")
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 2, err)
        self.assertIn(b"RANK", err)

    def test_started_here_and_a_record_that_is_broken_on_one_of_them(self):
        rows = json.loads(pathlib.Path(self.data).read_text())
        rows[7]["image"] = "gone.jpg"
        pathlib.Path(self.data).write_text(json.dumps(rows))
        for out, more in (("out", ()), ("meanwhile", ("--save-async",))):
            command = self.command(out, "--nproc", "2", "--order", "sequential", "--steps", "3", *more)
            done = run(*command)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertRegex(done.stderr.decode(), r"record 8 .*gone\.jpg")
            self.assertNotIn(b"llava_trainer", done.stderr)
            self.assertEqual(os.listdir(f"{self.folder}/{out}/checkpoints"), ["step-00000001"])  # was saved on the way out
            done = run(*command, "--skip-bad", "1", "--json")
            self.assertEqual((done.returncode, json.loads(done.stdout)["step"]), (0, 3), done.stderr)
        command = [COMMAND, *self.command("full", "--nproc", "2", "--order", "sequential", "--steps", "3")]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False, restore_signals=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr.decode(), r"record 8 .*gone\.jpg")  # that nothing could be saved does not hide it
        self.assertIn(b"not saved: ", done.stderr)


class Interrupted(Bench):
    def test_ctrl_c_finishes_the_step_saves_and_goes_on(self):
        expected = self.expected()
        for stop in (signal.SIGINT, signal.SIGTERM):
            before = self.steps()
            process = self.start()
            self.wait_for_step(before + 3)
            process.send_signal(stop)
            out, err = process.communicate(timeout=60)
            if process.returncode == 0:  # it was through before the signal came
                continue
            self.assertEqual(process.returncode, 5, err)
            self.assertIn(b"goes on from here", err)
            self.assertTrue(os.listdir(self.folder + "/out/checkpoints"))
        self.assertEqual(run(*self.command("out")).returncode, 0)
        self.assertEqual(self.weights("out"), expected)

    def test_a_second_ctrl_c_ends_the_ranks_at_once(self):
        rows = json.loads(pathlib.Path(self.data).read_text())
        pathlib.Path(self.data).write_text(json.dumps([row | {"id": f"{i}-{row['id']}"} for i in range(50) for row in rows]))
        process = self.start("--nproc", "2", "--steps", "100000", "--batch", "600", "--micro-batch", "300")  # steps of a second
        self.wait_for_step(1)
        time.sleep(0.2)  # the next one has begun, and takes longer than what follows
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5, err)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertFalse(os.path.exists(self.folder + "/out/checkpoints"))  # the first alone would have finished its step and saved

    def test_who_comes_second_is_told_by_an_exit_code_of_its_own(self):
        process = self.start("--steps", "100000")
        self.wait_for_step(1)
        done = run(*self.command("out", "--steps", "100000"))
        process.kill()
        process.communicate()
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn(b"held by process", done.stderr)
        self.assertEqual(json.loads(pathlib.Path(self.folder, "out/run.json").read_text())["state"], "running")
        process = self.start("--steps", "100000")
        err = b""
        while b"parameters learn" not in err:
            err += process.stderr.readline()
        process.kill()
        process.communicate()
        self.assertRegex(err.decode(), r"was interrupted \(process \d+ of .*, begun \d{4}-\d\d-\d\d .* UTC\)")

    def test_a_lost_rank_has_an_exit_code_of_its_own(self):
        process = self.start("--nproc", "2", "--steps", "100000")
        self.wait_for_step(1)
        children = [int(child) for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children") for child in path.read_text().split()]
        os.kill(children[-1], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 7, err)
        self.assertIn(b"rank", err)

    def test_ctrl_c_before_the_ranks_have_begun(self):
        process = self.start("--nproc", "2")
        while not any(path.read_text() for path in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children")):
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 5, err)
        self.assertIn(b"goes on from here", err)

    def test_killed_at_any_instant_it_ends_with_the_same_bits(self):
        expected, drawn = self.expected(), random.Random(1)
        begin = time.monotonic()
        run(*self.command("timing", "--save-every", "1", "--keep", "2"))
        whole = time.monotonic() - begin
        finished = 0
        for _ in range(KILLS):
            meanwhile = ("--save-async",) if drawn.random() < 0.5 else ()  # killed while it writes and trains, or while it writes alone
            process = self.start("--save-every", "1", "--keep", "2", *meanwhile)
            try:
                process.communicate(timeout=whole * drawn.random())
                finished += 1
                self.assertEqual(process.returncode, 0)
                self.assertEqual(self.weights("out"), expected)
                shutil.rmtree(self.folder + "/out")
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        done = run(*self.command("out", "--save-every", "1", "--keep", "2"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.weights("out"), expected)
        self.assert_nothing_unfinished()
        lines = [json.loads(line)["step"] for line in pathlib.Path(self.folder, "out/metrics.jsonl").read_text().splitlines()]
        self.assertEqual(lines, list(range(1, STEPS + 1)))

    def test_a_full_disk_leaves_the_last_snapshot(self):
        expected = self.expected()
        process = self.start("--save-every", "10")
        self.wait_for_step(12)
        process.kill()
        process.communicate()
        kept = os.listdir(self.folder + "/out/checkpoints")

        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        done = subprocess.run([COMMAND, *self.command("out", "--save-every", "1")], capture_output=True, timeout=60, check=False,
                              preexec_fn=full, restore_signals=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"not saved: ", done.stderr)
        self.assertRegex(done.stderr.decode(), r"state\.safetensors.*(File too large|cannot)")
        self.assertEqual(sorted(os.listdir(self.folder + "/out/checkpoints")), sorted(kept))
        self.assertEqual(run(*self.command("out")).returncode, 0)
        self.assertEqual(self.weights("out"), expected)

    def test_a_process_that_ends_before_its_first_record_leaves_a_folder_that_can_be_used(self):
        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))  # enough for a lock, not for run.json

        done = subprocess.run([COMMAND, *self.command("out", "--steps", "2")], capture_output=True, timeout=60, check=False,
                              preexec_fn=full, restore_signals=False)
        self.assertIn(b"run.json", done.stderr)
        self.assertEqual(run(*self.command("out", "--steps", "2")).returncode, 0)

    def test_a_folder_that_cannot_be_made(self):
        os.mkdir(self.folder + "/closed", 0o555)
        out = "/sys/llava-out" if os.geteuid() == 0 else self.folder + "/closed/out"  # root may write anywhere else
        done = run("train", TINY, "--data", self.data, "--out", out)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stderr.decode(), re.escape(out) + ": cannot be made: .*(not permitted|denied)")


if __name__ == "__main__":
    unittest.main()
