"""Writes the malformed tokenizer.json files of tokenizer_json/, each with the status and the message it must fail with.

usage: make_tokenizer_json.py [FOLDER]

expected.tsv: file, status, a part of the message. Files that must load have the status OK; they are odd, not wrong. Each is one
change to a tokenizer of six tokens, so that the message can only come from that change.
"""
import copy
import json
import pathlib
import sys


def split(pattern, **options):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False, **options}


def base():
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": 0, "content": "<unk>", "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True}],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None, "post_processor": None,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4, "▁ab": 5}, "merges": ["▁ a", ["▁a", "b"]]}}


def put(path, value):
    """A tokenizer with the value of one dotted path changed; a value of KeyError takes the key away."""
    tree = base()
    place = tree
    *heads, last = path.split(".")
    for head in heads:
        place = place[int(head)] if isinstance(place, list) else place[head]
    if value is KeyError:
        del place[last]
    else:
        place[last] = copy.deepcopy(value)
    return tree


def added(**changes):
    return put("added_tokens", base()["added_tokens"] + [{"id": 6, "content": "<x>", **changes}])


def vocab(**changes):
    return put("model.vocab", {**base()["model"]["vocab"], **changes})


def raw(tree):
    return json.dumps(tree, ensure_ascii=False, separators=(",", ":"))


def duplicate_token():
    return raw(base()).replace('"b":3', '"a":3')


CASES = [
    # name, status, part of the message, content
    ("good", "OK", "", base()),
    ("good-merges-first", "OK", "", put("model", dict(reversed(base()["model"].items())))),
    ("good-no-type", "OK", "", put("model.type", KeyError)),
    ("good-truncation", "OK", "", put("truncation", {"max_length": 1, "strategy": "LongestFirst", "stride": 0})),
    ("good-unknown-keys", "OK", "", put("model.something", [1, {"vocab": 3}])),
    ("good-added-beyond", "OK", "", added(special=False)),
    ("good-version-line", "OK", "", put("model.merges", ["#version: 0.2", "▁ a", "▁a b"])),
    ("empty", "FORMAT", "byte", ""),
    ("no-json", "FORMAT", "byte", "tokenizer"),
    ("cut", "FORMAT", "byte", raw(base())[:300]),
    ("array", "FORMAT", "expected an object", "[]"),
    ("no-utf8", "FORMAT", "not UTF-8", raw(base()).encode().replace("▁ab".encode(), b"\xffab")),
    ("nul-byte", "FORMAT", "a NUL byte", raw(base()).replace("▁ab", "▁\x00b")),
    ("twice-model", "FORMAT", "stands twice", raw(base())[:-1] + ',"model":{}}'),
    ("deep", "LIMIT", "nested deeper", '{"x":' + "[" * 100 + "]" * 100 + "}"),
    ("version-2", "UNSUPPORTED", 'version is "2.0"', put("version", "2.0")),
    # the model
    ("no-model", "FORMAT", "model is missing", put("model", KeyError)),
    ("model-number", "FORMAT", "model is missing or no object", put("model", 3)),
    ("unigram", "UNSUPPORTED", 'model.type is "Unigram"', put("model.type", "Unigram")),
    ("word-piece", "UNSUPPORTED", 'model.type is "WordPiece"', put("model.type", "WordPiece")),
    ("dropout", "UNSUPPORTED", "model.dropout", put("model.dropout", 0.1)),
    ("prefix", "UNSUPPORTED", "continuing_subword_prefix", put("model.continuing_subword_prefix", "##")),
    ("suffix", "UNSUPPORTED", "end_of_word_suffix", put("model.end_of_word_suffix", "</w>")),
    ("fuse-number", "FORMAT", "fuse_unk", put("model.fuse_unk", 1)),
    ("unk-no-token", "FORMAT", 'model.unk_token names "<unknown>"', put("model.unk_token", "<unknown>")),
    # the vocabulary
    ("no-vocab", "FORMAT", "model.vocab is missing or has no tokens", put("model.vocab", KeyError)),
    ("vocab-empty", "FORMAT", "model.vocab is missing or has no tokens", put("model.vocab", {})),
    ("vocab-array", "FORMAT", "model.vocab is missing or has no tokens", put("model.vocab", ["a"])),
    ("id-twice", "FORMAT", 'model.vocab: "b" and "c" both have id 3', put("model.vocab", {
        "<unk>": 0, "▁": 1, "a": 2, "b": 3, "c": 3, "▁a": 4, "▁ab": 5})),
    ("token-twice", "FORMAT", 'the token "a" stands twice', duplicate_token()),
    ("hole", "FORMAT", '"▁ab" has id 6, beyond the 6 tokens', vocab(**{"▁ab": 6})),
    ("id-negative", "FORMAT", 'model.vocab["b"] is -1', vocab(b=-1)),
    ("id-huge", "FORMAT", 'model.vocab["b"] is 4194304', vocab(b=4194304)),
    ("id-2-to-64", "FORMAT", "does not fit 64 bits", raw(base()).replace('"b":3', '"b":18446744073709551616')),
    ("id-fraction", "FORMAT", 'model.vocab["b"] is 3.0', vocab(b=3.0)),
    ("id-text", "FORMAT", 'model.vocab["b"] is "3"', vocab(b="3")),
    ("id-object", "FORMAT", 'model.vocab["b"] is an object', vocab(b={})),
    ("id-array", "FORMAT", 'model.vocab["b"] is an array', vocab(b=[3])),
    ("token-empty", "FORMAT", "model.vocab is an empty token", raw(base()).replace('"b":3', '"":3')),
    ("token-nul", "FORMAT", "holds a NUL", vocab(**{"▁\0": 6})),
    ("token-long", "LIMIT", "has 2049 bytes, at most 2048", vocab(**{"x" * 2049: 6})),
    ("no-bytes", "FORMAT", 'no token "<0x00>" for the byte 0', put("model.byte_fallback", True)),
    # the merges
    ("merges-object", "FORMAT", "model.merges is no array", put("model.merges", {"a": "b"})),
    ("no-merges", "FORMAT", "model.merges is no array", put("model.merges", KeyError)),
    ("merge-unknown-left", "FORMAT", 'model.merges[1] names "c"', put("model.merges", ["▁ a", "c a"])),
    ("merge-unknown-right", "FORMAT", 'model.merges[0] names "c"', put("model.merges", ["a c"])),
    ("merge-unknown-whole", "FORMAT", 'model.merges[0] makes "ba"', put("model.merges", ["b a"])),
    ("merge-one-part", "FORMAT", 'model.merges[0] is "a"', put("model.merges", ["a"])),
    ("merge-three-parts", "FORMAT", "model.merges[0]", put("model.merges", ["▁ a b"])),
    ("merge-number", "FORMAT", "model.merges[0] is 7", put("model.merges", [7])),
    ("merge-object", "FORMAT", "model.merges[0] is an object", put("model.merges", [{}])),
    ("merge-pair-of-one", "FORMAT", "model.merges[0] has 1 parts", put("model.merges", [["a"]])),
    ("merge-pair-of-three", "FORMAT", "model.merges[0] has more than 2 parts", put("model.merges", [["▁", "a", "b"]])),
    ("merge-pair-of-numbers", "FORMAT", "model.merges[0] is 1", put("model.merges", [[1, 2]])),
    ("merge-nested", "FORMAT", "model.merges[0] is an array", put("model.merges", [[["▁", "a"], "b"]])),
    # added tokens
    ("added-object", "FORMAT", "added_tokens is no array", put("added_tokens", {})),
    ("added-no-id", "FORMAT", "added_tokens[1]", put("added_tokens", base()["added_tokens"] + [{"content": "<x>"}])),
    ("added-gap", "FORMAT", 'added_tokens[1]: "<x>" has id 9, but no token has id 6', added(id=9)),
    ("added-taken", "FORMAT", 'added_tokens[1]: "<x>" has id 2, which is "a"\'s', added(id=2)),
    ("added-other-id", "FORMAT", 'added_tokens[1]: "b" has id 6, model.vocab gives it 3', added(content="b")),
    ("added-twice", "FORMAT", 'added_tokens[1]: "<unk>" stands twice', added(content="<unk>", id=0)),
    ("added-huge", "FORMAT", "added_tokens[1]", added(id=99999999999)),
    ("added-empty", "FORMAT", "added_tokens[1] is an empty token", added(content="")),
    ("added-nul", "FORMAT", "holds a NUL", added(content="<\0>")),
    ("added-long", "LIMIT", "at most 2048", added(content="<" * 3000)),
    ("added-character", "FORMAT", "cannot be special: text needs it", added(content="b", id=3, special=True)),
    ("added-lstrip-text", "FORMAT", "lstrip", added(lstrip="yes")),
    # normalizers
    ("lowercase", "UNSUPPORTED", 'normalizer: the normalizer "Lowercase"', put("normalizer", {"type": "Lowercase"})),
    ("precompiled", "UNSUPPORTED", 'normalizer.normalizers[1]: the normalizer "Precompiled"',
     put("normalizer.normalizers", [{"type": "NFC"}, {"type": "Precompiled", "precompiled_charsmap": "AAAA"}])),
    ("normalizer-no-type", "FORMAT", "normalizer", put("normalizer", {"prepend": "▁"})),
    ("normalizer-no-list", "FORMAT", "normalizer.normalizers is no array", put("normalizer", {"type": "Sequence"})),
    ("normalizer-text", "FORMAT", "normalizer", put("normalizer", "NFC")),
    ("replace-no-pattern", "FORMAT", "normalizer.pattern is missing", put("normalizer", {"type": "Replace", "content": "x"})),
    ("replace-empty", "FORMAT", "normalizer.pattern.String is empty",
     put("normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "x"})),
    ("many-steps", "LIMIT", "more than 64 steps", put("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 65})),
    # pre-tokenizers
    ("bert", "UNSUPPORTED", 'the pre-tokenizer "BertPreTokenizer"', put("pre_tokenizer", {"type": "BertPreTokenizer"})),
    ("after-byte-level", "UNSUPPORTED", "a step after ByteLevel", put("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
        {"type": "ByteLevel", "add_prefix_space": False}, split("a")]})),
    ("byte-level-no-bytes", "FORMAT", 'no token "Ā" for the byte 0', put("pre_tokenizer", {"type": "ByteLevel"})),
    ("metaspace-two", "FORMAT", "expected one character", put("pre_tokenizer", {"type": "Metaspace", "replacement": "__"})),
    ("metaspace-scheme", "UNSUPPORTED", "prepend_scheme", put("pre_tokenizer", {
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "sometimes"})),
    ("metaspace-contradiction", "FORMAT", "add_prefix_space is false", put("pre_tokenizer", {
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "add_prefix_space": False})),
    ("behavior", "UNSUPPORTED", "pre_tokenizer.behavior", put("pre_tokenizer", split("a", behavior="Shuffled"))),
    ("regex-empty", "FORMAT", "pre_tokenizer.pattern.Regex is empty", put("pre_tokenizer", split(""))),
    ("regex-long", "LIMIT", "has 4097 bytes", put("pre_tokenizer", split("a" * 4097))),
    ("regex-open", "FORMAT", "pre_tokenizer.pattern.Regex", put("pre_tokenizer", split("(a"))),
    ("regex-cut", "FORMAT", "ends within an escape", put("pre_tokenizer", split("a\\"))),
    ("regex-set-open", "FORMAT", "ends within a set", put("pre_tokenizer", split("[ab"))),
    ("regex-deep", "FORMAT", "pre_tokenizer.pattern.Regex", put("pre_tokenizer", split("(?:" * 60 + "a" + ")" * 60))),
    ("regex-word", "UNSUPPORTED", "\\w is not supported", put("pre_tokenizer", split(r"\w+"))),
    ("regex-hex", "UNSUPPORTED", "\\h is not supported", put("pre_tokenizer", split(r"\h+"))),
    ("regex-script", "UNSUPPORTED", "only general categories", put("pre_tokenizer", split(r"\p{Han}+"))),
    ("regex-sets", "UNSUPPORTED", "&& within a set", put("pre_tokenizer", split(r"[a-z&&b]"))),
    ("regex-verb", "UNSUPPORTED", "(*LI", put("pre_tokenizer", split("(*LIMIT_MATCH=1)a"))),
    ("regex-recursion", "UNSUPPORTED", "(?R)", put("pre_tokenizer", split("a(?R)?"))),
    ("regex-flag", "UNSUPPORTED", "(?m)", put("pre_tokenizer", split("(?m)a"))),
    ("regex-bomb", "LIMIT", "takes too long", put("pre_tokenizer", split(r"((\p{L}|[^9])+)+[89]"))),
    # decoders and post-processors
    ("no-decoder", "UNSUPPORTED", "decoder: a tokenizer without a decoder", put("decoder", None)),
    ("word-piece-decoder", "UNSUPPORTED", 'the decoder "WordPiece"', put("decoder", {"type": "WordPiece"})),
    ("decoder-regex", "UNSUPPORTED", "a regular expression in a decoder", put("decoder", {
        "type": "Replace", "pattern": {"Regex": "(a+)+b"}, "content": " "})),
    ("added-grow", "LIMIT", "added tokens of more than 2097152 bytes", put(
        "added_tokens", [{"id": 6 + i, "content": f"b{i}b{i}b{i}", "normalized": True} for i in range(200)]) | {"normalizer": {
            "type": "Replace", "pattern": {"String": "b"}, "content": "x" * 4096}}),
    ("strip-before-fuse", "UNSUPPORTED", 'decoder: the decoder "Strip"', put("decoder", {
        "type": "Strip", "content": " ", "start": 1, "stop": 0})),
    ("strip-end", "UNSUPPORTED", "stop: taking characters off the end", 
     put("decoder", {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 0, "stop": 1}]})),
    ("byte-level-and-fuse", "UNSUPPORTED", 'decoder.decoders[0]: the decoder "ByteLevel"', put("decoder", {
        "type": "Sequence", "decoders": [{"type": "ByteLevel"}, {"type": "Fuse"}]})),
    ("bert-post", "UNSUPPORTED", 'the post-processor "BertProcessing"', put("post_processor", {"type": "BertProcessing"})),
    ("template-two", "UNSUPPORTED", "more than one token before the text", put("post_processor", {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<unk>", "type_id": 0}}] * 2})),
    ("template-no-token", "FORMAT", 'post_processor names "<bos>"', put("post_processor", {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A"}}]})),
    ("template-no-text", "FORMAT", "post_processor.single has no Sequence", put("post_processor", {
        "type": "TemplateProcessing", "single": []})),
]


def main(folder):
    folder.mkdir(exist_ok=True)
    rows = ["# file\tstatus\tpart of the message"]
    for name, status, message, content in CASES:
        data = content if isinstance(content, (str, bytes)) else raw(content)
        (folder / f"{name}.json").write_bytes(data if isinstance(data, bytes) else data.encode())
        rows.append(f"{name}.json\t{status}\t{message}")
    (folder / "expected.tsv").write_text("\n".join(rows) + "\n")
    print(f"{len(CASES)} files")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "tokenizer_json")
