"""What C can do and Python cannot, function by function; a function that is new in the headers must be put to use or named."""

import re
import subprocess

from conftest import ROOT

from llava import _llava

NOT_USED = {
    "keywords and typed dictionaries take the place of JSON": r"llava_(?!train)\w+_options_from_json|llava_\w+_options_to_json",
    "a bytes object or a file is read by Python; only options' texts come in buffers of the library": r"llava_buffer_(data|size)",
    "errors are exceptions": r"llava_(clear_error|stream_error)",
    "check_abi() compares more; llava.__version__ is the version": r"llava_(abi_version|version_number)",
    "the one with a length does it for texts with a NUL in them": r"llava_(message_add_text|response_text|tokenize)",
    "the one for several pictures does it for one": r"llava_encode_image",
    "Model.ask() is a session of one question": r"llava_ask",
    "Session.stats tells it with the rest": r"llava_session_tokens",
    "there is one answer to a question": r"llava_response_count",
    "a message is made anew": r"llava_message_clear",
    "lines of the log come by callback, with their level": r"llava_log_(drain|set_level)",
    "numbers are shared, not copied": r"llava_tensor_(copy_to_host|retain)",
    "a report is a dict": r"llava_report_(number|retain)",
    "nothing needs it, and a later import in the same process would find the library shut": r"llava_shutdown",
}


def declared() -> set[str]:
    """Functions of include/llava."""
    texts = [re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S) for path in (ROOT / "include" / "llava").glob("*.h")]
    return {name for text in texts for name in re.findall(r"\bLLAVA_CALL\s+(llava_\w+)\(", text)}


def used() -> set[str]:
    """Functions the extension calls."""
    symbols = subprocess.run(["readelf", "--dyn-syms", "-W", _llava.__file__], capture_output=True, encoding="utf-8", check=True)
    return set(re.findall(r" UND (llava_\w+)", symbols.stdout))


def test_every_function_of_c_is_used_or_needless_for_a_reason() -> None:
    missing = declared() - used()
    reasons = {name: [why for why, names in NOT_USED.items() if re.fullmatch(names, name)] for name in missing}
    print(*(f"{name}: {', '.join(why)}" for name, why in sorted(reasons.items())), sep="\n")
    assert {name for name, why in reasons.items() if not why} == set()
    unused = [names for names in NOT_USED.values() if not any(re.fullmatch(names, name) for name in missing)]
    assert not unused, "a reason without a function"


def test_the_headers_are_read_whole() -> None:
    exported = (ROOT / "tests" / "capi" / "exports.txt").read_text().split()
    assert declared() == {name for name in exported if name.startswith("llava_")}
