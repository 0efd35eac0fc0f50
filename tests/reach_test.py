"""What C can do and another language cannot, function by function: Java, C# and llava.hpp.

usage: reach_test.py [--show]

A function that is new in the headers must be put to use in every language or be named below, with a reason. What counts are the
classes written by hand: what SWIG makes is internal. tests/python/reach_test.py says the same of the Python package.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = {
    "java": "bindings/java/src/**/*.java",
    "csharp": "bindings/csharp/Shared/**/*.cs",
    "cpp": "include/llava/hpp/*.hpp",
}
ALL = "java csharp cpp"
SWIG = "java csharp"

NOT_USED = [  # reason, languages, functions
    ("options are classes with a field or a setter each", ALL, r"llava_\w+_options_to_json"),
    ("the same; of TrainOptions alone there are too many for that", "cpp", r"llava_(?!train)\w+_options_from_json"),
    ("objects are shared as the language does it", SWIG, r"llava_\w+_retain"),
    ("errors are exceptions", ALL, r"llava_(clear_error|stream_error)"),
    ("the exception reads all of llava_last_error_json(), which holds it", SWIG, r"llava_last_error_status"),
    ("the same", "csharp", r"llava_last_error"),
    ("llava_version() tells it as a text", ALL, r"llava_version_number"),
    ("llava_check_abi() compares it", SWIG, r"llava_abi_version"),
    ("the program itself calls it, or LLAVA_CHECK_ABI(): only there are the numbers of its own headers known", "cpp",
     r"llava_(check_abi|abi_version)"),
    ("the form with a length does it for texts with a NUL in them", ALL, r"llava_(message_add_text|response_text|tokenize)"),
    ("only options' texts come in buffers, which are freed unread", ALL, r"llava_buffer_(data|size)"),
    ("there is one answer to a question", ALL, r"llava_response_count"),
    ("Model.ask() is a session of one question, with options and cancel besides", SWIG, r"llava_ask"),
    ("chat() is a stream that is pulled to its end, so that a thread can be interrupted", "java", r"llava_chat"),
    ("Session.stats() tells it with the rest, turns() has all turns", "java", r"llava_session_(tokens|turn_count)"),
    ("enums have the names", "java", r"llava_(status|finish_reason)_name"),
    ("a message is a value", "java", r"llava_message_clear"),
    ("no thread of the library may enter the runtime: lines of the log are drained", SWIG, r"llava_log_set"),
    ("numbers are copied into memory of the language", SWIG, r"llava_tensor_data"),
    ("a report is read as JSON", SWIG, r"llava_report_number"),
    ("a CancellationToken is what is cancelled, once; deadlines are options and TimeSpans", "csharp",
     r"llava_cancel_(is_cancelled|reset|set_deadline_ms)"),
    ("lines of the log come by callback, with their level", "cpp", r"llava_log_(drain|set_level)"),
    ("plain calls of C on numbers, which llava.hpp includes", "cpp", r"llava_(status_name|status_is_retryable|shutdown)"),
]


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def declared():
    """Functions of include/llava."""
    texts = [without_comments(path.read_text(encoding="utf-8")) for path in (ROOT / "include" / "llava").glob("*.h")]
    return {name for text in texts for name in re.findall(r"\bLLAVA_CALL\s+(llava_\w+)\(", text)}


def made_by_swig(language, written):
    """Functions that the interface files call where the classes written by hand use what they make."""
    swig = ROOT / "bindings" / "swig"
    common, own = (without_comments((swig / name).read_text(encoding="utf-8")) for name in ("llava.i", f"{language}.i"))
    called = set(re.findall(r"\b(llava_\w+)\(", common + own))  # an %ignore or a %typemap has no parenthesis behind the name
    for stem in re.findall(r"^LLAVA_OPTIONS\((\w+)\)", common, flags=re.M):
        if f"llava_{stem}_options" in written:
            called |= {name.replace("##STEM##", stem) for name in re.findall(r"\b(llava_##STEM##\w+)\(", common)}
    for handle in re.findall(r"^LLAVA_CSHARP_HANDLE\((\w+),", own, flags=re.M):
        if f"{handle}_release" in written:
            called.add(f"{handle}_free")
    return called


def used(language):
    """Functions that a language's own classes come to."""
    texts = [without_comments(path.read_text(encoding="utf-8")) for path in sorted(ROOT.glob(SOURCES[language]))]
    written = set(re.findall(r"\bllava_\w+", "\n".join(texts)))
    return written if language == "cpp" else written | made_by_swig(language, written)


def problems(language, show):
    missing = declared() - used(language)
    if not missing or len(missing) > len(declared()) // 2:
        yield f"{language}: {len(missing)} functions are not used; {SOURCES[language]} was not read as it should be"
    reasons = [(why, names) for why, languages, names in NOT_USED if language in languages.split()]
    for name in sorted(missing):
        why = [why for why, names in reasons if re.fullmatch(names, name)]
        if show:
            print(f"{language}: {name}: {', '.join(why)}")
        if not why:
            yield f"{language}: {name} is not reached; use it in {SOURCES[language]}, or say here why not"
    for why, names in reasons:
        if not any(re.fullmatch(names, name) for name in missing):
            yield f"{language}: \"{why}\" is a reason without a function"


def main(arguments):
    found = [problem for language in SOURCES for problem in problems(language, "--show" in arguments)]
    exported = {name for name in (ROOT / "tests" / "capi" / "exports.txt").read_text().split() if name.startswith("llava_")}
    if declared() != exported:
        found.append(f"the headers are not read whole: {sorted(declared() ^ exported)}")
    for problem in found:
        print(f"reach_test.py: {problem}")
    print(f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
