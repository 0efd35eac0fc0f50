"""Runs the command on oracle cases and compares at every joint. Standard library only.

The joints, in the order in which a picture and a question pass them: pixels before and after normalising, the tower's first
block and feature layer, the projector, the ids of a text prompt, the logits of all positions (and with them splice), and
64 greedy ids. Every distance is max|Δ| / max(1, max|expected|).
"""

import array
import json
import math
import pathlib
import subprocess
import tempfile

from npy import largest_difference, read_npy

TIME_LIMIT_S = 300
EXACT = {"pixels_u8": 0.0, "pixels": 1e-6, "tokens": 0.0, "greedy": 0.0}
TOLERANCES = {
    "f32": EXACT | {"first_block": 1e-5, "features": 1e-5, "projected": 1e-5, "logits": 1e-4},
    # one rounding of bf16 is 4e-3; features and projector sum few of them
    "bf16": EXACT | {"first_block": 2e-2, "features": 2e-2, "projected": 2e-2, "logits": 2e-2},
}
JOINTS = ("pixels_u8", "pixels", "first_block", "features", "projected", "tokens", "logits", "greedy")


class Violation(Exception):
    """The command failed or said something that does not fit; the text says what."""


class Command:
    """The command `llava`, asked about one case."""

    def __init__(self, program, case_folder, device, dtype, scratch):
        self.program, self.folder, self.scratch = str(program), case_folder, pathlib.Path(scratch)
        self.placement = ["--device", device, "--dtype", dtype]

    def run(self, *arguments):
        call = [self.program, *(str(each) for each in arguments)]
        try:
            done = subprocess.run(call, capture_output=True, timeout=TIME_LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            raise Violation(f"{' '.join(call)}: no answer after {TIME_LIMIT_S} s") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
            raise Violation(f"{' '.join(call)}: exit code {done.returncode}: {' / '.join(said)}")
        return done.stdout

    def array(self, verb, *arguments):
        target = self.scratch / "out.npy"
        target.unlink(missing_ok=True)
        self.run(verb, self.folder / "model", *arguments, "-o", target)
        return read_npy(target)

    def object(self, verb, *arguments):
        said = self.run(verb, self.folder / "model", *arguments, "--json").decode("utf-8")
        try:
            return json.loads(said)
        except json.JSONDecodeError:
            raise Violation(f"{verb} --json printed no single object: {said[:200]!r}") from None

    def pictures(self, case):
        used = case["pictures"][: case["ids"].count(-200)]
        return [part for name in used for part in ("--image", self.folder / name)]


def denormalised(got, case):
    """Normalised [3, S, S] back to u8 [S, S, 3]; 1/255 is far wider than any error that is let pass, so rounding is safe."""
    shape, values = got
    side = shape[-1]
    out = array.array("B", bytes(3 * side * side))
    for channel in range(3):
        mean, std = case["mean"][channel], case["std"][channel]
        for index in range(side * side):
            level = round((values[channel * side * side + index] * std + mean) * 255)
            out[3 * index + channel] = min(255, max(0, level))
    return (side, side, 3), out


class Comparison:
    """One case: `differences` by joint, `violations` and `notes` as text."""

    def __init__(self, folder, program, device, dtype):
        self.folder = pathlib.Path(folder)
        self.case = json.loads((self.folder / "case.json").read_text())
        self.dtype = dtype or self.case["dtype"]
        self.tolerances = TOLERANCES[self.dtype]
        self.program, self.device = program, device
        self.differences, self.violations, self.notes = {}, [], []
        self.logit_delta = math.inf

    def expected(self, name):
        return read_npy(self.folder / f"{name}.npy")

    def note(self, joint, difference, what=""):
        self.differences[joint] = max(difference, self.differences.get(joint, 0.0))
        if difference > self.tolerances[joint]:
            self.violations.append(f"{joint}: {difference:.3g}, allowed {self.tolerances[joint]:.0e} {what}".rstrip())

    def attempt(self, joint, check, *arguments):
        try:
            check(*arguments)
        except (Violation, ValueError, KeyError, OSError) as error:
            self.violations.append(f"{joint}: {error}")

    def run(self):
        with tempfile.TemporaryDirectory(prefix="llava-oracle-") as scratch:
            self.command = Command(self.program, self.folder, self.device, self.dtype, scratch)
            for index, name in enumerate(self.case["pictures"]):
                self.attempt("pixels", self.check_pixels, index, name)
                self.attempt("features", self.check_features, index, name)
            self.attempt("tokens", self.check_tokens)
            self.attempt("logits", self.check_logits)
            self.attempt("greedy", self.check_greedy)
        return self

    def check_pixels(self, index, name):
        got = self.command.array("pixels", self.folder / name)
        bare = largest_difference(denormalised(got, self.case), self.expected(f"pixels_u8.{index}"))[0]
        self.note("pixels_u8", bare, f"levels in {name}")
        self.note("pixels", largest_difference(got, self.expected(f"pixels.{index}"))[1], f"in {name}")

    def check_features(self, index, name):
        wanted = [("features", "--raw", []), ("projected", "--projected", [])]
        if index == 0 and self.case["has_first_block"]:
            wanted.append(("first_block", "--raw", ["--layer", "1"]))
        for joint, form, layer in wanted:
            got = self.command.array("features", self.folder / name, *layer, form, *self.command.placement)
            self.note(joint, largest_difference(got, self.expected(f"{joint}.{index}"))[1], f"in {name}")

    def check_tokens(self):
        pictures = self.case["pictures"]
        places = self.case["prompt"].count("<image>")
        images = [part for index in range(places) for part in ("--image", self.folder / pictures[index % len(pictures)])]
        said = self.command.object("tokens", "--prompt", self.case["prompt"], "--template", "none", *images)
        got = said.get("ids", said.get("token_ids"))
        if got != self.case["prompt_ids"]:
            raise Violation(f"prompt {self.case['prompt']!r} gives {got}, expected {self.case['prompt_ids']}")
        self.note("tokens", 0.0)

    def ids(self):
        return "--ids=" + ",".join(str(each) for each in self.case["ids"])

    def check_logits(self):
        got = self.command.array("logits", self.ids(), *self.command.pictures(self.case), *self.command.placement)
        self.logit_delta, relative = largest_difference(got, self.expected("logits"))
        self.note("logits", relative, f"({self.case['conversation']})")

    def check_greedy(self):
        said = self.command.object("chat", self.ids(), *self.command.pictures(self.case), "--greedy", "--max-tokens",
                                   len(self.case["greedy"]), *self.command.placement)
        end, wanted, reason = self.case["end"], self.case["greedy"], "length"
        if end in wanted:
            wanted, reason = wanted[: wanted.index(end)], "stop"
        got = said["token_ids"]
        got = got[:-1] if reason == "stop" and got[-1:] == [end] else got
        margins = self.expected("margin")[1]
        tie = next((step for step, margin in enumerate(margins) if margin < 2 * self.logit_delta), len(margins))
        if tie < len(margins):
            self.notes.append(f"near-tie at step {tie}: margin {margins[tie]:.2e}, twice the difference {2 * self.logit_delta:.2e}")
        if got[:tie] != wanted[:tie]:
            step = next((i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), min(len(got), len(wanted)))
            raise Violation(f"ids differ from step {step} on: {got[step:step + 4]}, expected {wanted[step:step + 4]} "
                            f"(margin there {margins[step]:.2e}); {len(got)} ids, expected {len(wanted)}")
        if tie == len(margins) and said.get("finish_reason") != reason:
            raise Violation(f"finish_reason is {said.get('finish_reason')!r}, expected {reason!r}")
        self.note("greedy", 0.0)


def shown(joint, difference):
    if difference is None:
        return "-"
    return "equal" if joint in ("tokens", "greedy", "pixels_u8") and difference == 0 else f"{difference:.1e}"


def case_folders(folder):
    found = sorted(path.parent for path in pathlib.Path(folder).glob("*/case.json"))
    if not found:
        raise SystemExit(f"{folder}: no case here (a case is a folder with case.json; tools/oracle --export makes some)")
    return found


def compare_cases(folder, program, device, dtype=None):
    """Prints a line for each case and the largest difference of each joint; returns the number of cases that fail."""
    largest, failed, cases = {}, 0, case_folders(folder)
    print(f"{'case':>10} {'':4} " + " ".join(f"{joint:>11}" for joint in JOINTS))
    for path in cases:
        result = Comparison(path, program, device, dtype).run()
        row = " ".join(f"{shown(joint, result.differences.get(joint)):>11}" for joint in JOINTS)
        print(f"{path.name:>10} {'FAIL' if result.violations else 'ok':4} {row}", flush=True)
        for text in result.violations:
            print(f"{'':>12} ! {text}")
        for text in result.notes:
            print(f"{'':>12} . {text}")
        failed += bool(result.violations)
        for joint, difference in result.differences.items():
            largest[joint] = max(difference, largest.get(joint, 0.0))
    print(f"{'largest':>10} {'':4} " + " ".join(f"{shown(joint, largest.get(joint)):>11}" for joint in JOINTS))
    print(f"{len(cases) - failed} of {len(cases)} cases agree on {device}")
    return failed
