"""The command `llava` as a shell sees it, on a tiny random model: what it prints, its exit codes and its files
(dialogue_test.py: the chat; contact_test.py: first contact). Python's standard library alone.

    python3 cli_test.py build/bin/llava
"""

import array
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

COMMAND = sys.argv.pop(1) if len(sys.argv) > 1 else "build/bin/llava"
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "model"
CHECKPOINTS = str(GOLDEN.parents[1] / "checkpoints" / "golden") + "/"
TINY, PICTURE = str(GOLDEN / "tiny"), str(GOLDEN / "pictures" / "wide.jpg")


def run(*arguments, stdin=b""):
    return subprocess.run([COMMAND, *arguments], input=stdin, capture_output=True, timeout=60, check=False)


def in_shell(line, *arguments):
    return subprocess.run(["sh", "-c", line, COMMAND, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                          check=False)


def read_npy(path):
    data = pathlib.Path(path).read_bytes()
    size = int.from_bytes(data[8:10], "little")
    header = data[10:10 + size].decode()
    shape = tuple(int(n) for n in re.search(r"'shape': \(([^)]*)\)", header)[1].split(",") if n.strip())
    values = array.array("f", data[10 + size:])
    return header, shape, values


class OneShot(unittest.TestCase):
    def test_version_and_help(self):
        self.assertRegex(run("--version").stdout.decode(), r"^llava \d+\.\d+\.\d+")
        for verb in ("chat", "info", "convert", "merge-delta", "merge-lora", "data check", "tokens", "pixels", "features", "logits",
                     "bench", "show"):
            done = run(*verb.split(), "--help")
            self.assertEqual(done.returncode, 0, verb)
            self.assertIn(b"--", done.stdout)
        self.assertIn(b"Exit codes", run("--help").stdout)

    def test_a_failure_as_json_is_an_object_beside_the_line_on_standard_error(self):
        done = run("chat", TINY, "--prompt", "word " * 5000, "--json")
        self.assertEqual(done.returncode, 4)
        error = json.loads(done.stdout)["error"]
        self.assertEqual(set(error), {"code", "name", "message", "function", "details"})
        self.assertEqual(error["name"], "CONTEXT_FULL")
        self.assertLess(error["details"]["limit"], error["details"]["needed"])
        self.assertTrue(done.stderr.startswith(b"llava: "))

    def test_words_that_are_no_utf8_are_mistakes_like_others(self):
        bytes_ = os.fsdecode(b"\xff")
        for more in ((), ("--json",)):
            for code, words in ((2, ("--bias", bytes_)), (2, ("--max-tokens", bytes_)), (3, ("--image", "http://" + bytes_))):
                done = run("chat", TINY, "--prompt", "x", *words, *more)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual(bool(more), done.stdout.startswith(b'{"error":'), done.stdout)

    def test_an_answer_as_json_has_every_field(self):
        done = run("chat", TINY, "--image", PICTURE, "--prompt", "What is this?", "--greedy", "--max-tokens", "6", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        said = json.loads(done.stdout)
        self.assertEqual(set(said), {"text", "token_ids", "finish_reason", "usage", "timings", "seed"})
        self.assertEqual(set(said["usage"]), {"prompt_tokens", "image_tokens", "cached_tokens", "completion_tokens"})
        self.assertEqual(said["usage"]["completion_tokens"], len(said["token_ids"]))
        self.assertGreater(said["usage"]["image_tokens"], 0)
        plain = run("chat", TINY, "--image", PICTURE, "--prompt", "What is this?", "--greedy", "--max-tokens", "6")
        self.assertEqual(plain.stdout.decode(), said["text"] + "\n")

    def test_the_seed_that_was_reported_gives_the_answer_again(self):
        ask = ("chat", TINY, "--prompt", "Say.", "--temperature", "1", "--max-tokens", "8", "--json")
        first = json.loads(run(*ask).stdout)
        again = json.loads(run(*ask, "--seed", str(first["seed"])).stdout)
        self.assertEqual(first["token_ids"], again["token_ids"])

    def test_prompt_and_picture_from_standard_input(self):
        by_name = run("chat", TINY, "--prompt", "Q", "--greedy", "--max-tokens", "4", "--json")
        piped = run("chat", TINY, "--prompt", "-", "--greedy", "--max-tokens", "4", "--json", stdin=b"Q\n")
        self.assertEqual(json.loads(by_name.stdout)["token_ids"], json.loads(piped.stdout)["token_ids"])
        done = run("chat", TINY, "--image", "-", "--prompt", "Q", "--max-tokens", "2", stdin=pathlib.Path(PICTURE).read_bytes())
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_folder_of_pictures_gives_a_line_each(self):
        done = run("chat", TINY, "--image", str(GOLDEN / "pictures"), "--prompt", "Q", "--greedy", "--max-tokens", "2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([pathlib.Path(line["image"]).name for line in lines], sorted(os.listdir(GOLDEN / "pictures")))

    def test_a_broken_picture_of_a_folder_has_its_line_and_its_exit_code(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(PICTURE, folder + "/a.jpg")
            pathlib.Path(folder, "b.jpg").write_bytes(b"no picture")
            done = run("chat", TINY, "--image", folder, "--prompt", "Q", "--greedy", "--max-tokens", "2")
            good, broken = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual((done.returncode, "error" in good), (3, False), done.stderr)
            self.assertTrue(broken["error"] and not broken["error"].startswith("llava_"), broken)

    def test_a_folder_is_asked_the_question_of_standard_input(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a.jpg", "b.jpg"):
                shutil.copy(PICTURE, folder + "/" + name)
            ask = ("chat", TINY, "--image", folder, "--greedy", "--max-tokens", "4", "--prompt")
            piped = [json.loads(line) for line in run(*ask, "-", stdin=b"What is this?").stdout.splitlines()]
            named = [json.loads(line) for line in run(*ask, "What is this?").stdout.splitlines()]
            self.assertEqual([line["usage"] for line in piped], [line["usage"] for line in named])
            self.assertEqual(len(piped), 2)

    def test_weights_are_looked_through_when_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(shutil.copytree(TINY, folder + "/model"), "model.safetensors")
            model.write_bytes(model.read_bytes()[:-4] + b"\0\0\xc0\x7f")
            self.assertEqual(run("info", folder + "/model").returncode, 0)
            done = run("info", folder + "/model", "--verify")
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"NaN", done.stderr)

    def test_warnings_of_the_library_are_shown(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(shutil.copytree(TINY, folder + "/model"), "model.safetensors")
            data = model.read_bytes()
            size = int.from_bytes(data[:8], "little")
            header = json.loads(data[8:8 + size])
            header["stranger"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data) - 8 - size, len(data) - 4 - size]}
            text = json.dumps(header).encode()
            model.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size:] + bytes(4))
            done = run("tokens", folder + "/model", "--prompt", "x")
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stderr.decode(), r"(?m)^llava: warning: .*stranger.*$")

    def test_info_names_template_and_reason(self):
        said = json.loads(run("info", TINY, "--json").stdout)
        self.assertTrue(said["template"]["name"] and said["template"]["why"])
        self.assertIn(b"language.layers", run("info", TINY).stdout)

    def test_info_of_a_broken_model_names_every_problem(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("config.json", "model.safetensors"):
                shutil.copy(pathlib.Path(TINY) / name, folder)
            said = json.loads(run("info", folder, "--json").stdout)
            self.assertFalse(said["loadable"])
            self.assertIn("tokenizer.model", said["problems"][0]["message"])
            self.assertIn("f32", said["memory"]["cpu"])

    def test_convert_and_merge_delta(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("convert", TINY, folder + "/out", "--layout", "original", "--shard-size", "100K", "--dtype", "bf16")
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
            said = json.loads(run("info", folder + "/out", "--json").stdout)
            self.assertEqual((said["layout"], said["stored_dtype"], said["loadable"]), ("original", "bf16", True))
            self.assertEqual(run("chat", folder + "/out", "--prompt", "Q", "--max-tokens", "2").returncode, 0)
            again = run("convert", TINY, folder + "/out")
            self.assertEqual(again.returncode, 2)
            self.assertIn(b"is there already", again.stderr)
            self.assertEqual(run("convert", TINY, folder + "/other", "--shard-size", "5X").returncode, 2)
            done = run("merge-delta", "--base", CHECKPOINTS + "v0_base", "--delta", CHECKPOINTS + "v0_delta", "--out", folder + "/v0")
            self.assertEqual(done.returncode, 0, done.stderr)
            lost = run("info", folder + "/v0")
            self.assertEqual(lost.returncode, 3)
            self.assertIn(b"looked in", lost.stderr)
            found = run("info", folder + "/v0", "--vision-tower", CHECKPOINTS + "v0-clip", "--json")
            self.assertEqual(json.loads(found.stdout)["family"], "llava-v0")

    def test_a_lora_beside_the_model_and_in_it(self):
        rows, lora = CHECKPOINTS + "hf_rows", CHECKPOINTS + "lora_hub"
        with tempfile.TemporaryDirectory() as folder:
            def logits(name, model, *more):
                done = run("logits", model, "--ids", "1,5,6,7", "-o", f"{folder}/{name}.npy", *more)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                return read_npy(f"{folder}/{name}.npy")
            plain, whole, half = logits("a", rows), logits("b", rows, "--adapter", lora), logits("c", rows, "--adapter", lora + "=0.5")
            self.assertTrue(plain != whole != half != plain)
            done = run("merge-lora", rows, lora, folder + "/merged", "--scale", "0.5", "--dtype", "f32")
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            merged = logits("d", folder + "/merged")
            self.assertLessEqual(max(abs(x - y) for x, y in zip(merged[2], half[2])), 1e-4 * max(map(abs, half[2])))
            said = json.loads(run("info", rows, "--adapter", lora, "--json").stdout)
            self.assertEqual(said["adapter"]["rank"], 4)
            whole = ["--vision-tower", CHECKPOINTS + "parts_clip"]
            done = run("merge-lora", CHECKPOINTS + "parts_base", CHECKPOINTS + "lora_published", folder + "/llava", *whole)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(json.loads(run("info", folder + "/llava", "--json").stdout)["layout"], "hf")
            done = run("logits", CHECKPOINTS + "parts_base", "--ids", "1", "-o", "-", "--adapter", CHECKPOINTS + "lora_published", *whole, "--no-pickle")
            self.assertEqual((done.returncode, b"(allow_pickle is 0); safetensors are read" in done.stderr), (3, True), done.stderr)
        self.assertEqual(run("info", rows, "--adapter", lora + "=much").returncode, 2)
        done = run("logits", rows, "--ids", "1", "-o", "-", "--adapter", CHECKPOINTS + "hf_ties")
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"adapter_config.json", done.stderr)
    def test_data_check_names_every_record_that_cannot_be_used(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(PICTURE, folder + "/good.png")
            pathlib.Path(folder, "broken.png").write_bytes(pathlib.Path(PICTURE).read_bytes()[:60])
            asked = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A thing."}]
            rows = [{"id": "a", "image": "good.png", "conversations": asked}, {"id": "b", "image": "gone.png", "conversations": asked},
                    {"id": "c", "image": "broken.png", "conversations": asked}, {"id": "d", "conversations": asked},
                    {"id": "e", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}]
            data = pathlib.Path(folder, "train.json")
            data.write_text(json.dumps(rows), encoding="utf-8")
            done = run("data", "check", str(data), "--model", TINY, "--json")
            said = json.loads(done.stdout)
            self.assertEqual((done.returncode, said["records"], said["usable"], said["unusable"]), (3, 5, 2, 3))
            self.assertEqual([(bad["record"], bad["problem"]) for bad in said["bad"]],
                             [(2, "picture-missing"), (3, "picture-broken"), (4, "placeholders")])
            self.assertIn('id "d"', said["bad"][2]["message"])
            done = run("data", "check", str(data), "--model", TINY, "--images", folder, "--template", "vicuna_v1")
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"picture-missing: train.json: record 2 (byte ", done.stdout)
            data.write_text(json.dumps(rows[:1] + rows[4:]), encoding="utf-8")
            done = run("data", "check", str(data), "--model", TINY)
            self.assertEqual((done.returncode, done.stderr), (0, b""), done.stdout)
            self.assertRegex(done.stdout.decode(), r"usable +2\n")
            data.write_text(json.dumps(rows)[:-1] + ",]", encoding="utf-8")
            done = run("data", "check", str(data), "--model", TINY)
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"a comma before ]", done.stderr)
            self.assertEqual(run("data", "check", str(data), "--model", TINY, "--labels", "mine").returncode, 2)

    def test_show_draws_the_picture(self):
        done = run("show", PICTURE, "--columns", "16")
        self.assertEqual(done.stdout.decode().count("\u2580") % 16, 0)
        self.assertIn("\u2580", done.stdout.decode())


class Arrays(unittest.TestCase):
    def test_arrays_have_the_stated_shapes(self):
        with tempfile.TemporaryDirectory() as folder:
            out = folder + "/x.npy"
            limits = json.loads(run("info", TINY, "--json").stdout)
            side, per_image = limits["vision"]["image_size"], limits["vision"]["tokens_per_image"]
            self.assertEqual(run("pixels", TINY, PICTURE, "-o", out).returncode, 0)
            header, shape, values = read_npy(out)
            self.assertIn("'<f4', 'fortran_order': False", header)
            self.assertEqual((shape, len(values)), ((3, side, side), 3 * side * side))
            for form, width in (("--raw", limits["vision"]["width"]), ("--projected", limits["language"]["width"])):
                self.assertEqual(run("features", TINY, PICTURE, form, "-o", out).returncode, 0)
                self.assertEqual(read_npy(out)[1], (per_image, width))
            done = run("logits", TINY, "--ids=1,5,-200,7", "--image", PICTURE, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(read_npy(out)[1], (3 + per_image, limits["language"]["vocabulary"]))
            done = run("logits", TINY, "--prompt", "a <image> b", "--template", "none", "--image", PICTURE, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_tokens_mark_places_only_under_none(self):
        usual = json.loads(run("tokens", TINY, "--prompt", "a <image> b", "--json").stdout)
        marked = json.loads(run("tokens", TINY, "--prompt", "a <image> b", "--template", "none", "--image", PICTURE, "--json").stdout)
        self.assertNotIn(-200, usual["ids"])
        self.assertEqual(marked["ids"].count(-200), 1)
        self.assertEqual(marked["ids"][0], 1)

    def test_pictures_that_are_cut_are_counted_by_their_size(self):
        model = CHECKPOINTS + "hf_next"
        ask = ("tokens", model, "--ids=1,-200,7", "--json")
        self.assertIsNone(json.loads(run(*ask).stdout)["positions"])
        by_rule = [json.loads(run(*ask, "--image", PICTURE, "--tile-rule", rule).stdout)["positions"] for rule in ("auto", "hf")]
        self.assertEqual(*by_rule)
        tiling = json.loads(run("info", model, "--json", "--tile-rule", "original").stdout)["tiling"]
        self.assertEqual((tiling["rule"], tiling["merge"], tiling["most_tiles"]), ("original", "spatial_unpad", 5))
        with tempfile.TemporaryDirectory() as folder:
            out = folder + "/x.npy"
            self.assertEqual(run("features", model, PICTURE, "-o", out).returncode, 0)
            self.assertEqual(read_npy(out)[1], (by_rule[0] - 2, 16))
            self.assertEqual(run("pixels", model, PICTURE, "-o", out).returncode, 0)
            self.assertEqual(read_npy(out)[1][1:], (3, 18, 18))

    def test_an_empty_system_text_is_one(self):
        ask = ("tokens", TINY, "--prompt", "Q", "--template", "v1", "--json")
        usual, none = (json.loads(run(*ask, *more).stdout)["ids"] for more in ((), ("--system", "")))
        self.assertLess(len(none), len(usual))


class Mistakes(unittest.TestCase):
    def expect(self, code, fragment, *arguments, stdin=b""):
        done = run(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, (arguments, done.stderr))
        self.assertIn(fragment, done.stderr.decode())
        self.assertRegex(done.stderr.decode(), r"\Allava: [^\n]+\n\Z", "an error is one line")
        self.assertNotRegex(done.stderr.decode(), r"llava_\w+: ", "the user does not know functions")
        self.assertEqual(done.stdout, b"")

    def test_each_mistake_has_its_code_and_says_what(self):
        self.expect(2, "see llava --help")
        self.expect(2, "see llava chat --help", "chat")
        self.expect(2, "--no-such", "chat", TINY, "--no-such")
        self.expect(2, "vicuna_v1", "chat", TINY, "--prompt", "x", "--template", "no-such")
        self.expect(3, "does not exist", "chat", "/no/such/model", "--prompt", "x")
        self.expect(3, "nothing.jpg", "chat", TINY, "--image", "/no/nothing.jpg", "--prompt", "x")
        self.expect(3, "", "chat", TINY, "--image", "-", "--prompt", "x", stdin=b"this is no picture")
        self.expect(2, "\"x\"", "logits", TINY, "--ids=1,x", "-o", "/dev/null")
        self.expect(2, "99999, expected", "logits", TINY, "--ids=1,99999", "-o", "/dev/null")
        self.expect(2, "<image>", "tokens", TINY, "--prompt", "<image>", "--template", "none")
        self.expect(2, "--top-p is 0", "chat", TINY, "--prompt", "x", "--top-p", "0")
        self.expect(4, "--context", "chat", TINY, "--prompt", "word " * 4000, "--max-tokens", "2")
        self.expect(5, "--timeout-ms", "chat", TINY, "--prompt", "x", "--timeout-ms", "0")
        self.expect(2, "100000", "bench", TINY, "--prompt-tokens", "100000", "--tokens", "100000")

    def test_options_that_would_not_count_are_refused(self):
        self.expect(2, "--history", "chat", TINY, "--history", "x", "--system", "s", "--prompt", "x")
        self.expect(2, "--history", "chat", TINY, "--history", "x", "--context", "64", "--prompt", "x")
        self.expect(2, "--template", "chat", TINY, "--history", "x", "--template", "v1", "--prompt", "x")
        self.expect(2, "--ids", "chat", TINY, "--ids=1,5", "--template", "v1")
        self.expect(2, "--ids", "logits", TINY, "--ids=1,5", "--template", "v1", "-o", "/dev/null")
        self.expect(2, "standard input", "chat", TINY, "--image", "-", "--prompt", "-", stdin=b"x")
        self.expect(2, "standard input", "tokens", TINY, "--image", "-", "--image", "-", "--prompt", "x", stdin=b"x")
        self.expect(2, "--image -", "chat", TINY, "--image", "-", stdin=b"x")

    def test_files_that_cannot_be_read_or_written_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            self.expect(3, folder + ": holds no file", "chat", TINY, "--image", folder, "--prompt", "x")
        self.expect(3, "/nonexistent/x.npy: No such file", "pixels", TINY, PICTURE, "-o", "/nonexistent/x.npy")

    def test_an_answer_that_cannot_be_written_is_a_failure(self):
        for line, reason in (('"$0" "$@" >/dev/full', "No space left"), ('"$0" "$@" >&-', "Bad file descriptor")):
            for arguments in (("--version",), ("chat", "--help"), ("info", TINY, "--json"), ("tokens", TINY, "--ids=1,5"),
                              ("chat", TINY, "--prompt", "x", "--greedy", "--max-tokens", "2"),
                              ("pixels", TINY, PICTURE, "-o", "-")):
                done = in_shell(line, *arguments)
                self.assertEqual((done.returncode, done.stdout), (3, b""), (line, arguments, done.stderr))
                self.assertIn(f"llava: standard output: {reason}", done.stderr.decode())


if __name__ == "__main__":
    unittest.main(verbosity=1)
