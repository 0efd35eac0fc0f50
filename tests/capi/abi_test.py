"""The ABI is as recorded, and tools/abi sees it when it is not.

usage: abi_test.py --source ROOT --library LIBLLAVA --cc CC
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

# file, what stands there, what a change makes of it, what tools/abi must say, and whether it breaks programs
CHANGES = [
    ("chat.h", "  uint32_t adapter_reserved; /**< 0 */\n", "  uint32_t adapter_reserved; /**< 0 */\n  int64_t more; /**< new */\n",
     "new, not recorded: field llava_chat_options more", False),
    ("chat.h", "  int32_t min_tokens; ", "  int32_t more;\n  int32_t even_more;\n  int32_t min_tokens; ", "BREAKS: field llava_chat_options min_tokens was 8 4, is 16 4", True),
    ("chat.h", "LLAVA_EVENT_STOP = 1,", "LLAVA_EVENT_STOP = 3,", "BREAKS: number LLAVA_EVENT_STOP was 1, is 3", True),
    ("chat.h", "LLAVA_API int32_t LLAVA_CALL llava_event_token(", "LLAVA_API int64_t LLAVA_CALL llava_event_token(", "return type changed", True),
    ("base.h", "LLAVA_API void LLAVA_CALL llava_clear_error(void);", "", "BREAKS: function llava_clear_error is gone", True),
]


def abi(root, *arguments, what="check"):
    done = subprocess.run([sys.executable, str(root / "tools" / "abi"), what, *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def copy_tree(source, place):
    for folder in ("include/llava", "tests/capi", "tools"):
        (place / folder).mkdir(parents=True)
    for pattern in ("include/llava/*.h", "tests/capi/*.txt", "tests/capi/*.abi", "tests/capi/headers.py", "tools/abi"):
        for path in source.glob(pattern):
            shutil.copy(path, place / path.relative_to(source))


def apply(place, name, before, after):
    header = place / "include/llava" / name
    text = header.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{name} has {text.count(before)} of {before!r}: this test is out of date"
    header.write_text(text.replace(before, after), encoding="utf-8")


def try_change(source, place, cc, change):
    *edit, expected, breaks = change
    copy_tree(source, place)
    apply(place, *edit)
    code, output = abi(place, "--cc", cc)
    assert code == 1 and expected in output and ("BREAKS" in output) == breaks, f"{edit[2]!r} should have said {expected!r}:\n{output}"
    print(f"ok: {expected}")


def try_release(source, place, cc):
    """What a tag had must stay: neither check nor update lets it go."""
    git = ["git", "-C", str(place), "-c", "user.name=test", "-c", "user.email=test@localhost"]
    copy_tree(source, place)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "released"], ["tag", "v0.1.0"]):
        subprocess.run([*git, *command], check=True)
    assert abi(place, "--cc", cc)[1].strip().endswith("as recorded, and as v0.1.0 had them")
    apply(place, *CHANGES[-1][:3])
    for what in ("check", "update"):
        code, output = abi(place, "--cc", cc, what=what)
        assert code == 1 and "Programs built against v0.1.0 would misread this library" in output, output
    print("ok: what was released stays")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--source", "--library", "--cc"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    source = pathlib.Path(arguments.source)
    code, output = abi(source, "--library", arguments.library, "--cc", arguments.cc)
    print(output, end="")
    if code:
        sys.exit(code)
    for change in CHANGES:
        with tempfile.TemporaryDirectory() as folder:
            try_change(source, pathlib.Path(folder), arguments.cc, change)
    if shutil.which("git"):
        with tempfile.TemporaryDirectory() as folder:
            try_release(source, pathlib.Path(folder), arguments.cc)


if __name__ == "__main__":
    main()
