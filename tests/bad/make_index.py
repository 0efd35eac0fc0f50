"""Makes tests/bad/index: model folders whose index and shards do not agree, a few odd legal ones, and expected.tsv.

usage: make_index.py                  (standard library only; two machines make the same bytes)

A line of expected.tsv is `folder <TAB> status <TAB> piece of the message`. Links, FIFOs and long lists are made by the test.
"""
import json
import pathlib
import shutil

from make_safetensors import file

HERE = pathlib.Path(__file__).parent / "index"
INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
rows = []


def shard(*names):
    return file([(name, "U8", [4], 4 * i, 4 * i + 4) for i, name in enumerate(names)], bytes(4 * len(names)))


def case(name, index, status, piece="", shards=None):
    """`index` is text, bytes, or the weight map; `shards` are files beside it, two good ones where not given."""
    assert not (HERE / name).exists(), name
    (HERE / name).mkdir(parents=True)
    if isinstance(index, dict):
        index = json.dumps({"metadata": {"total_size": 8}, "weight_map": index})
    if index is not None:
        (HERE / name / INDEX).write_bytes(index.encode() if isinstance(index, str) else index)
    for path, content in ({ONE: shard("a"), TWO: shard("b")} if shards is None else shards).items():
        (HERE / name / path).write_bytes(content)
    rows.append((name, status, piece))


def names():
    for name, path, piece in [("parent", "../x.safetensors", '"../x.safetensors" holds a slash'), ("absolute", "/etc/passwd", "/etc/passwd"),
                              ("below", "sub/x.safetensors", "sub/x.safetensors"), ("backslash", "..\\x", '"..\\x5cx" holds a slash'),
                              ("two-dots", "..", '".." is no plain file name'), ("one-dot", ".", '"." is no plain file name'),
                              ("dots-inside", "a..b", '"a..b" is no plain file name'), ("empty", "", "a shard name is empty"),
                              ("nul", "a\0b", '"a\\x00b" holds a NUL'), ("trailing-slash", ONE + "/", ONE + '/"')]:
        case(f"shard-{name}", {"a": ONE, "b": path}, "FORMAT", piece)
    case("shard-long", {"a": "s" * 256}, "LIMIT", "a shard name of 256 bytes, at most 255")


def documents():
    for name, text, piece in [("empty", "", "byte 0: syntax error"), ("list", "[]", "the index is a list, expected an object"),
                              ("string", '"x"', 'the index is "x", expected an object'), ("null", "null", "the index is null"),
                              ("cut", '{"weight_map": {"a": "mod', "missing closing quote"), ("trailing-comma", '{"weight_map": {"a": "b",}}', "byte 26"),
                              ("two", "{}{}", "expected end of input"), ("no-map", '{"metadata": {}}', f"{INDEX}: weight_map is missing"),
                              ("map-empty", '{"weight_map": {}}', "weight_map lists no tensor"),
                              ("map-twice", '{"weight_map": {}, "weight_map": {}}', 'the key "weight_map" stands twice'),
                              ("metadata-twice", '{"metadata": {}, "metadata": {}}', 'the key "metadata" stands twice'),
                              ("other-twice", '{"x": 1, "x": 1}', 'the key "x" stands twice'),
                              ("nested-twice", '{"metadata": {"x": [{"y": 1, "y": 2}]}}', 'the key "y" stands twice')]:
        case(f"index-{name}", text, "FORMAT", piece)
    case("index-bom", b"\xef\xbb\xbf{}", "FORMAT", "begins with a byte-order mark")
    case("index-utf8", b'{"weight_map": {"\xff": 1}}', "FORMAT", "byte 18: not UTF-8")
    case("index-deep", '{"x": ' + "[" * 64 + "]" * 64 + "}", "LIMIT", "nested deeper than 64 levels")
    for name, text, found in [("null", "null", "null"), ("list", "[]", "a list"), ("string", '"x"', '"x"'), ("number", "1", "1")]:
        case(f"map-{name}", '{"weight_map": ' + text + "}", "FORMAT", f"weight_map is {found}, expected an object")
    for name, text, found in [("null", "null", "null"), ("list", "[]", "a list"), ("true", "true", "true"), ("number", "1", "1")]:
        case(f"entry-{name}", '{"weight_map": {"a": ' + text + "}}", "FORMAT", f"weight_map: a is {found}, expected a file name")
    case("entry-object", '{"weight_map": {"a": {"file": "x"}}}', "FORMAT", "weight_map: a is an object, expected a file name")
    for name, text in [("negative", "-1"), ("string", '"8"'), ("true", "true"), ("huge", "1e300")]:
        found = {"huge": "1e+300"}.get(name, text)
        case(f"total-{name}", '{"metadata": {"total_size": ' + text + "}}", "FORMAT", f"total_size is {found}, expected a number of bytes")


def agreement():
    good = {"a": ONE, "b": TWO}
    case("listed-and-absent", {"a": ONE, "b": TWO, "c": TWO}, "FORMAT", f'{TWO}: tensor "c" is absent, {INDEX} lists it there')
    case("listed-in-the-other", {"a": TWO, "b": ONE}, "FORMAT", f'{TWO}: tensor "a" is absent, {INDEX} lists it there')
    case("present-and-not-listed", good, "FORMAT", f'{ONE}: tensor "z" is not listed there in {INDEX}',
         {ONE: shard("a", "z"), TWO: shard("b")})
    case("first-not-listed", good, "FORMAT", f'{TWO}: tensor "aa" is not listed there', {ONE: shard("a"), TWO: shard("aa", "b")})
    case("in-two-shards", good, "FORMAT", f'{TWO}: tensor "a" is in {ONE} too', {ONE: shard("a"), TWO: shard("a", "b")})
    case("listed-twice", '{"weight_map": {"a": "%s", "a": "%s"}}' % (ONE, TWO), "FORMAT", 'tensor "a" is listed twice')
    case("listed-twice-alike", '{"weight_map": {"bb": "%s", "bb": "%s"}}' % (ONE, ONE), "FORMAT", 'tensor "bb" is listed twice')
    case("shard-missing", good, "NOT_FOUND", f"{INDEX} lists {TWO}: ", {ONE: shard("a")})
    case("shard-cut", good, "FORMAT", f"{TWO}: tensor \"b\" ends at 4, the file holds 3 bytes", {ONE: shard("a"), TWO: shard("b")[:-1]})
    case("shard-of-no-bytes", good, "FORMAT", f"{ONE}: 0 bytes, a safetensors file has at least 8", {ONE: b"", TWO: shard("b")})
    case("shard-lfs", good, "FORMAT", f"{ONE}: not a safetensors file: a Git LFS pointer",
         {ONE: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n", TWO: shard("b")})
    case("single-file-bad", None, "FORMAT", "model.safetensors: tensor \"a\" ends at 4", {"model.safetensors": shard("a")[:-2]})


def other_folders():
    case("nothing", None, "NOT_FOUND", "no weights; looked for model.safetensors, model.safetensors.index.json, pytorch_model.bin and", {"README.md": b"x"})
    bin_one, bin_two, bin_index = ONE.replace("model", "pytorch_model", 1)[:-11] + "bin", TWO.replace("model", "pytorch_model", 1)[:-11] + "bin", "pytorch_model.bin.index.json"
    case("torch-bin", None, "FORMAT", "pytorch_model.bin: not a torch file", {"pytorch_model.bin": b"PKZIP"})
    case("torch-bin-index-empty", None, "FORMAT", f"{bin_index}: weight_map is missing", {bin_one: b"PK", bin_two: b"PK", bin_index: b"{}"})
    case("torch-bin-shard-missing", None, "NOT_FOUND", f"{bin_index} lists {bin_two}: ",
         {bin_one: b"PK", bin_index: json.dumps({"weight_map": {"a": bin_one, "b": bin_two}}).encode()})
    case("torch-bin-shard-of-no-bytes", None, "FORMAT", f"{bin_one}: not a torch file: its 0 bytes",
         {bin_one: b"", bin_index: json.dumps({"weight_map": {"a": bin_one}}).encode()})
    case("torch-bin-shards-without-index", None, "NOT_FOUND", f"holds {bin_one} but not {bin_index}", {bin_one: b"PK", bin_two: b"PK"})
    case("shards-without-index", None, "NOT_FOUND", f"holds {ONE} but not {INDEX}", {ONE: shard("a"), TWO: shard("b")})


def legal():
    good = {"a": ONE, "b": TWO}
    case("legal", good, "OK")
    case("legal-without-total", json.dumps({"weight_map": good}), "OK")
    case("legal-total-null", json.dumps({"metadata": {"total_size": None}, "weight_map": good}), "OK")
    case("legal-total-float", json.dumps({"metadata": {"total_size": 8.0}, "weight_map": good}), "OK")
    case("legal-total-off", json.dumps({"metadata": {"total_size": 9}, "weight_map": good}), "OK")
    case("legal-other-keys", json.dumps({"metadata": {"total_parameters": 8, "x": [{"y": {}}]}, "weight_map": good, "z": [1, [2]]}), "OK")
    case("legal-one-shard", {"a": ONE, "b": ONE}, "OK", shards={ONE: shard("a", "b")})
    case("legal-single-file-wins", {"a": "missing"}, "OK", shards={"model.safetensors": shard("a")})


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    for make in (names, documents, agreement, other_folders, legal):
        make()
    (HERE / "expected.tsv").write_text("".join("\t".join(row) + "\n" for row in sorted(rows)), encoding="utf-8")
    print(len(rows), "folders,", sum(status != "OK" for _, status, _ in rows), "of them bad")


if __name__ == "__main__":
    main()
