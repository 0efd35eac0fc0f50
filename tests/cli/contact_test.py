"""First contact with the command `llava`: folders that are no model yet, words it does not know, what `info` says of them.

    python3 contact_test.py build/bin/llava
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

COMMAND = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 else "build/bin/llava")
TESTS = pathlib.Path(__file__).resolve().parents[1]
GOLDEN, CHECKPOINTS = TESTS / "golden" / "model", TESTS / "checkpoints" / "golden"
TINY, PICTURE = str(GOLDEN / "tiny"), str(GOLDEN / "pictures" / "wide.jpg")


def run(*arguments, **options):
    options.setdefault("env", {**os.environ, "HF_HUB_CACHE": os.devnull})  # what this machine has there is not ours to see
    return subprocess.run([COMMAND, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                          timeout=60, check=False, **options)


class InFolder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)

    def copy(self, model, name="model"):
        return shutil.copytree(model, self.folder / name)

    def told(self, code, *arguments, **options):
        """The one line on standard error."""
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, code, done)
        self.assertRegex(done.stderr, r"\Allava: [^\n]+\n\Z")
        return done.stderr


class Info(InFolder):
    def plan(self, *arguments, code=3):
        done = run("info", *arguments, "--json")
        self.assertEqual(done.returncode, code, done.stderr)
        plan = json.loads(done.stdout)
        self.assertEqual(plan["loadable"], code == 0)
        said = [problem["message"] for problem in plan["problems"]]
        self.assertEqual(done.stderr, "".join(f"llava: cannot be loaded: {message}\n" for message in said))
        return plan, said

    def test_without_its_tower_a_model_is_described_all_the_same(self):
        model = self.copy(CHECKPOINTS / "original_v15")
        plan, (problem,) = self.plan(model)
        self.assertIn('the vision tower "openai/tiny-clip" was not found; looked in ', problem)
        self.assertEqual((plan["layout"], plan["family"], plan["vision"]), ("original", "llava-1.5", None))
        self.assertEqual((plan["language"]["width"], plan["language"]["layers"], plan["context"]), (16, 2, 64))
        self.assertTrue(plan["template"]["name"] and plan["tokenizer"] and plan["parameters"])
        self.assertEqual((plan["memory"], plan["pictures"]["mode"]), (None, "pad"), "config.json knows the one, nobody the other")
        self.assertIn("was not found", self.told(3, "chat", model, "--prompt", "x"))
        config = json.loads((model / "config.json").read_text())
        large = {**config, "mm_vision_tower": "openai/clip-vit-large-patch14-336", "mm_hidden_size": 1024, "max_position_embeddings": 2048}
        (model / "config.json").write_text(json.dumps(large))
        plan, said = self.plan(model)
        self.assertEqual((plan["vision"]["layers"], plan["vision"]["tokens_per_image"]), (24, 576), "known by its name")
        self.assertIsNone(plan["memory"], "of a part alone")
        self.assertIn("was not found", said[0])

    def test_all_that_is_missing_is_said_at_once(self):
        model = self.folder / "model"
        self.assertEqual(run("convert", TINY, model, "--shard-size", "100K").returncode, 0)
        shards = sorted(model.glob("model-*.safetensors"))
        for file in (shards[0], shards[-1], model / "tokenizer.model"):
            file.unlink()
        (model / "generation_config.json").write_text('{"top_p": 7}')
        plan, said = self.plan(model)
        self.assertRegex(said[0], rf"lists {shards[0].name}, {shards[-1].name}: not there, 2 of {len(shards)} files")
        self.assertEqual(["tokenizer.model" in said[1], "top_p" in said[2], len(said)], [True, True, 3], said)
        self.assertEqual((plan["family"], plan["vision"]["width"], plan["language"]["width"]), ("llava-1.5", 30, 36))
        self.assertTrue(plan["template"]["name"])
        line = self.told(3, "chat", model, "--prompt", "x")
        self.assertTrue(all(piece in line for piece in (shards[0].name, "tokenizer.model", "top_p")), line)
        self.assertEqual(line.count(str(model)), 1, line)

    def test_a_file_that_is_cut_short_says_so_and_where(self):
        model = self.copy(TINY)
        os.truncate(model / "model.safetensors", 500)
        plan, (problem,) = self.plan(model)
        self.assertRegex(problem, r"model.safetensors: a header of \d+ bytes in a file of 500: it is cut short")
        self.assertEqual(plan["language"]["layers"], 3)
        self.assertRegex(self.told(3, "chat", model, "--prompt", "x"), rf"{model}: model.safetensors: .* cut short")

    def test_a_chat_template_that_is_no_text_is_refused(self):
        model = self.copy(TINY)
        file = model / "tokenizer_config.json"
        config = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**config, "chat_template": 5}))
        _, (problem,) = self.plan(model)
        self.assertIn("tokenizer_config.json: chat_template is 5, expected a string", problem)
        text = "{{ 'USER: ' }}"
        file.write_text(json.dumps({**config, "chat_template": [{"name": "default", "template": text}]}))
        plan, _ = self.plan(model, code=0)
        file.write_text(json.dumps({**config, "chat_template": text}))
        self.assertEqual(plan["template"], self.plan(model, code=0)[0]["template"])

    def test_a_delta_is_told_by_its_name(self):
        model = self.copy(TINY, "LLaVA-7b-delta-v0")
        self.assertRegex("\n".join(self.plan(model, code=0)[0]["notes"]), "delta weights are .*merge-delta")
        self.assertNotIn("delta", "\n".join(self.plan(TINY, code=0)[0]["notes"]))

    def test_no_weight_is_read(self):
        model = self.copy(TINY)
        plain = self.peak_bytes("info", model)
        rows = 1 << 22
        config = json.loads((model / "config.json").read_text())
        config["text_config"]["vocab_size"] = rows
        (model / "config.json").write_text(json.dumps(config))
        data = (model / "model.safetensors").read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + size])
        large = {name: {"dtype": "F32", "shape": [rows, 36]} for name in header if "lm_head" in name or "embed_tokens" in name}
        large["stranger"] = {"dtype": "F32", "shape": [2, 1 << 30]}
        small = {name: entry for name, entry in header.items() if name not in large and name != "__metadata__"}
        offset = 0
        for entry in (*small.values(), *large.values()):
            count = 4
            for side in entry["shape"]:
                count *= side
            entry["data_offsets"] = [offset, offset := offset + count]
        text = json.dumps({**small, **large}).encode()
        with open(model / "model.safetensors", "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + offset)
        self.assertGreater(offset, 9 << 30)
        plan, _ = self.plan(model, code=0)
        self.assertGreater(plan["weight_bytes"], 1 << 30)
        self.assertLess(self.peak_bytes("info", model), plain + (32 << 20))
        self.assertLess(self.peak_bytes("info", model, "--no-mmap"), plain + (32 << 20))

    def peak_bytes(self, *arguments):
        child = subprocess.Popen([COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(child.returncode, 0)
        return used.ru_maxrss * 1024


class Folders(InFolder):
    def test_what_is_no_model_says_what_one_is_and_where_one_might_be(self):
        self.assertRegex(self.told(3, "info", self.folder), r"holds no config.json; a model is a folder with config.json")
        snapshot = self.copy(TINY, "models--x--y/snapshots/abc")
        self.assertIn(f"did you mean {snapshot}?", self.told(3, "chat", self.folder / "models--x--y", "--prompt", "x"))
        self.copy(TINY, "inner/tiny")
        self.assertIn(f"did you mean {self.folder}/inner/tiny?", self.told(3, "info", self.folder / "inner"))

    def test_a_name_on_the_hub_is_told_that_nothing_is_downloaded(self):
        cache = {**os.environ, "HF_HUB_CACHE": str(self.folder / "hub")}
        line = self.told(3, "info", "llava-hf/llava-1.5-7b-hf", env=cache, cwd=self.folder)
        self.assertIn(f"does not exist in {self.folder}; nothing is downloaded", line)
        self.assertIn(f"{self.folder}/hub/models--llava-hf--llava-1.5-7b-hf", line)
        snapshot = self.copy(TINY, "hub/models--a--b/snapshots/abc")
        line = self.told(3, "chat", "a/b", "--prompt", "x", env=cache, cwd=self.folder)
        self.assertIn(f"the Hugging Face cache has it: {snapshot}", line)

    def test_a_folder_with_a_projector_is_taken_for_its_file(self):
        parts = ("info", CHECKPOINTS / "parts_base", "--vision-tower", CHECKPOINTS / "parts_clip", "--json", "--projector")
        done = run(*parts, CHECKPOINTS / "parts_projector")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("parts_projector/mm_projector.safetensors", done.stdout)
        self.assertIn("holds neither mm_projector.safetensors nor mm_projector.bin", self.told(3, *parts, self.folder))

    def test_a_folder_of_pictures_may_hold_other_files(self):
        ask = ("chat", TINY, "--image", self.folder, "--greedy", "--max-tokens", "2", "--prompt", "Q")
        (self.folder / "notes.txt").write_text("no picture")
        self.assertIn("holds no picture among 1 file", self.told(3, *ask))
        shutil.copy(PICTURE, self.folder / "a.JPG")
        (self.folder / "labels.csv").write_text("a,b")
        done = run(*ask)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 1), done.stderr)
        self.assertRegex(done.stderr, r"\Allava: [^\n]*: 2 files left out, [^\n]*labels.csv and others, [^\n]+\n\Z")

    def test_a_picture_of_the_net_is_not_fetched(self):
        line = self.told(3, "chat", TINY, "--image", "https://example.org/x.jpg", "--prompt", "x")
        self.assertIn("is not fetched", line)


class Words(InFolder):
    def test_a_number_that_is_none_is_told_in_words(self):
        for option, value, expected in (
                ("--max-tokens", "x", "is no whole number of at least 1"), ("--max-tokens", "-1", "is no whole number of at least 1"),
                ("--max-tokens", "99999999999", "at most 2147483647"), ("--temperature", "hot", "is no number of at least 0"),
                ("--temperature", "nan", "is no number of at least 0"), ("--seed", "1.5", "is no whole number of at least 0"),
                ("--context", "-2", "is no whole number of at least 0"), ("--top-p", "2", "is no number from 0 to 1"),
                ("--repetition-penalty", "0", "is no number above 0"), ("--bias", "13", "is no token id and amount")):
            line = self.told(2, "chat", TINY, "--prompt", "x", option, value)
            self.assertIn(f'{option}: "{value}" {expected}' if value != "99999999999" else expected, line)
            self.assertLess(len(line), 160, line)

    def test_an_unknown_word_is_named_and_the_nearest_suggested(self):
        self.assertIn('"chatt" is no verb of llava; did you mean chat?', self.told(2, "chatt", TINY))
        self.assertIn('"chek" is no verb of llava data; did you mean check?', self.told(2, "data", "chek"))
        self.assertIn('"zebra" is no verb of llava; see llava --help', self.told(2, "zebra"))
        line = self.told(2, "chat", TINY, "--promt", "hi")
        self.assertIn("--promt is no option of llava chat; did you mean --prompt?; see llava chat --help", line)
        self.assertIn("--promt is no option", self.told(2, "chat", TINY, "--promt=hi"))
        self.assertIn('"hi" is one word too many for llava info', self.told(2, "info", TINY, "hi"))


class Unmapped(InFolder):
    def test_the_answer_is_the_same_without_mapping(self):
        ask = ("chat", TINY, "--image", PICTURE, "--prompt", "x", "--greedy", "--max-tokens", "4", "--json")
        mapped, read = run(*ask), run(*ask, "--no-mmap")
        self.assertEqual(json.loads(mapped.stdout)["token_ids"], json.loads(read.stdout)["token_ids"])


if __name__ == "__main__":
    unittest.main(verbosity=1)
