"""Makes tests/bad/bin: torch files a reader must refuse, a few odd ones it must take, and expected.tsv.

usage: make_bin.py                    (standard library only; two machines make the same bytes)

A line of expected.tsv is `file <TAB> status <TAB> piece of the message`. Nothing here is ever loaded by Python. The kinds: rules
of src/weights/{zip_directory,pickle,torch_contents,torch_file}.hpp, section 4.3 of the zip format's description, and what made
other readers run code or read outside their memory. Files over 64 KiB (bombs) are made by tests/weights/bad_files_test.cpp.
"""
import pathlib
import struct
import zlib

import torch_bytes as b
from torch_bytes import (DESCRIPTOR, FALSE, MARK, MAGIC, NONE, ORDERED, PROTO, STOP, TRUE, UTF8, Entry, end_record, end_record_64, entries,
                         group, legacy, name, number, numbers, pickle, state, storage, tensor, text, torch_zip, zip_file)

HERE = pathlib.Path(__file__).parent / "bin"
GOOD = state(w=tensor())
cases = {}


def case(title, content, status, piece=""):
    assert title not in cases, title
    cases[title] = (content, status, piece)


def bad(title, stream, piece, status="FORMAT", records=None):
    case(title, torch_zip(stream, records), status, piece)


def value(title, body, piece, status="FORMAT", records=None):
    """A pickle whose only value is `body`."""
    bad(title, pickle(body), piece, status, records)


def good(title, stream, records=None, **options):
    case(title, torch_zip(stream, records, **options), "OK")


def hostile_names():
    calls = ["os.system", "posix.system", "nt.system", "subprocess.Popen", "subprocess.check_output", "builtins.eval", "builtins.exec",
             "builtins.getattr", "builtins.__import__", "__builtin__.eval", "sys.exit", "socket.socket", "shutil.rmtree", "runpy._run_code",
             "pickle.loads", "_pickle.loads", "webbrowser.open", "importlib.import_module", "operator.attrgetter", "functools.partial",
             "_codecs.encode", "collections.defaultdict", "collections.Counter", "numpy.core.multiarray._reconstruct", "argparse.Namespace",
             "torch.load", "torch.hub.load", "torch.jit.load", "torch.storage._load_from_bytes", "torch.serialization.load", "torch.FloatTensor",
             "torch._utils._rebuild_parameter_with_state", "torch._utils._rebuild_sparse_tensor", "torch._utils._rebuild_qtensor",
             "torch._utils._rebuild_meta_tensor_no_storage", "torch._utils._rebuild_device_tensor_from_numpy", "torch.nn.parameter.Parameter",
             "transformers.training_args.TrainingArguments", "torch.storage.FloatStorage"]
    for path in calls:
        module, attribute = path.rsplit(".", 1)
        value(f"name-{path}", name(module, attribute) + group(text("id")) + b"R", f"offset 2, GLOBAL: names {path}; allowed are collections.OrderedDict",
              "UNSUPPORTED")
    value("name-by-stack", text("os") + text("system") + b"\x93" + group(text("id")) + b"R", "STACK_GLOBAL: names os.system; allowed", "UNSUPPORTED")
    value("name-dotted", text("collections") + text("OrderedDict.fromkeys") + b"\x93", "names collections.OrderedDict.fromkeys; allowed", "UNSUPPORTED")
    value("name-in-a-value", entries(("w", tensor()), ("x", name("os", "getcwd"))), "names os.getcwd; allowed", "UNSUPPORTED")
    value("name-in-the-state", ORDERED + entries(("w", name("os", "getpid") + b")R")) + b"b", "names os.getpid; allowed", "UNSUPPORTED")
    value("name-with-control", name("o\x1bs", 'sy"stem'), 'names o\\x1bs.sy\\x22stem; allowed', "UNSUPPORTED")
    value("name-not-utf8", b"c\xff\xfe\nx\n", "names \\xff\\xfe.x; allowed", "UNSUPPORTED")
    value("name-of-numbers", number(1) + number(2) + b"\x93", "STACK_GLOBAL: the name is an integer, expected a text")
    value("name-of-a-list", b"]" + text("x") + b"\x93", "the module is a list, expected a text")
    value("name-without-end", b"cos", "GLOBAL: a line without end")
    value("name-long", b"cos\n" + b"s" * 300 + b"\n", "offset 2, GLOBAL: a line of more than 256 bytes")
    for kind in ("ComplexFloatStorage", "QInt8Storage"):
        value(f"type-{kind}", entries(("w", tensor(storage(kind)))), f"torch.{kind} is a type no model is computed in", "UNSUPPORTED")
    value("type-untyped", name("torch.storage", "UntypedStorage"), "torch.storage.UntypedStorage is a type no model is computed in", "UNSUPPORTED")
    value("type-float8", name("torch._utils", "_rebuild_tensor_v3"), "_rebuild_tensor_v3 makes tensors of types no model is computed in", "UNSUPPORTED")


def opcodes():
    for title, raw in [("INST", b"(ios\nsystem\n"), ("OBJ", b"(" + ORDERED + b"o"), ("NEWOBJ", ORDERED + b")\x81"), ("NEWOBJ_EX", ORDERED + b")}\x92"),
                       ("EXT1", b"\x82\x01"), ("EXT2", b"\x83\1\0"), ("EXT4", b"\x84\1\0\0\0"), ("PERSID", b"P0\n"), ("INT", b"I1\n"), ("LONG", b"L1L\n"),
                       ("FLOAT", b"F1\n"), ("STRING", b"S'x'\n"), ("UNICODE", b"Vx\n"), ("BINSTRING", b"T\1\0\0\0x"), ("SHORT_BINSTRING", b"U\1x"),
                       ("DICT", b"(d"), ("LIST", b"(l"), ("DUP", b"N2"), ("POP", b"N0"), ("POP_MARK", b"(1"), ("GET", b"Ng0\n"), ("PUT", b"Np0\n"),
                       ("EMPTY_SET", b"\x8f"), ("ADDITEMS", b"\x90"), ("FROZENSET", b"(\x91"), ("BYTEARRAY8", b"\x96" + bytes(8)),
                       ("NEXT_BUFFER", b"\x97"), ("READONLY_BUFFER", b"\x98")]:
        value(f"opcode-{title}", raw, f"{title}: is not needed for tensors and not run", "UNSUPPORTED")
    value("opcode-unknown", b"\xff", "byte 255: is no opcode of a pickle")
    value("opcode-nul", b"\0", "byte 0: is no opcode of a pickle")
    value("opcode-proto-again", PROTO, "PROTO: is not needed", "UNSUPPORTED")


def structure():
    for title, stream, piece, status in [
            ("empty", b"", "data.pkl: 0 bytes are no pickle", "FORMAT"), ("protocol-0", b"(dp0\n.", "data.pkl: begins with byte 40, a pickle of protocol 2 or later with 128", "FORMAT"),
            ("protocol-1", b"\x80\x01N.", "protocol 1, read are 2 to 5", "UNSUPPORTED"), ("protocol-6", b"\x80\x06N.", "protocol 6, read are 2 to 5", "UNSUPPORTED"),
            ("protocol-255", b"\x80\xffN.", "protocol 255, read", "UNSUPPORTED"), ("no-stop", PROTO + b"N", "ends at offset 3 without STOP", "FORMAT"),
            ("only-proto", PROTO, "ends at offset 2 without STOP", "FORMAT"), ("after-stop", GOOD + b"cos\n", "data.pkl: 4 bytes after the pickle's end", "FORMAT"),
            ("stop-alone", PROTO + STOP, "offset 2, STOP: needs a value, and the stack has none", "FORMAT"),
            ("two-values", pickle(b"NN"), "STOP: 1 values are left on the stack", "FORMAT"), ("mark-open", pickle(b"N("), "STOP: 1 MARKs are still open", "FORMAT")]:
        bad(f"stream-{title}", stream, piece, status)
    for title, raw, piece in [
            ("reduce-text", text("x") + b")R", "REDUCE: what is called is a text, expected a name"),
            ("reduce-list", name("collections", "OrderedDict") + b"]R", "the list of arguments is a list, expected a tuple"),
            ("reduce-nothing", b"R", "offset 2, REDUCE: needs a value"), ("reduce-one", b")R", "offset 3, REDUCE: needs a value"),
            ("reduce-across-mark", name("collections", "OrderedDict") + MARK + b")R", "offset 29, REDUCE: needs a value"),
            ("reduce-storage-type", name("torch", "FloatStorage") + group(number(4)) + b"R", "calls a storage type, which torch never does"),
            ("ordered-with-arguments", name("collections", "OrderedDict") + group(b"]") + b"R", "OrderedDict with 1 arguments"),
            ("size-empty", name("torch", "Size") + b")R", "torch.Size of 0 arguments, expected 1"),
            ("size-of-a-list", name("torch", "Size") + group(b"]") + b"R", "the argument of torch.Size is a list, expected a tuple"),
            ("device-empty", name("torch", "device") + b")R", "torch.device of 0 arguments"),
            ("device-of-a-number", name("torch", "device") + group(number(0)) + b"R", "the argument of torch.device is an integer"),
            ("setitems-odd", b"}(" + text("a") + b"u", "SETITEMS: 1 values make no pairs of key and value"),
            ("setitems-on-list", b"](" + text("a") + NONE + b"u", "SETITEMS: is for a dict, found a list"),
            ("setitem-on-tuple", b")" + text("a") + NONE + b"s", "SETITEM: is for a dict, found a tuple"),
            ("setitem-short", b"}" + NONE + b"s", "SETITEM: needs a dict, a key and a value"),
            ("append-on-dict", b"}Na", "APPEND: is for a list, found a dict"), ("append-alone", b"a", "offset 2, APPEND: needs a value"),
            ("append-no-list", b"Na", "offset 3, APPEND: needs a value"), ("appends-no-mark", b"]Ne", "APPENDS: needs a MARK"),
            ("appends-on-tuple", b")(Ne", "APPENDS: is for a list, found a tuple"),
            ("tuple-no-mark", b"Nt", "offset 3, TUPLE: needs a MARK"), ("tuple2-short", b"N\x86", "TUPLE2: needs 2 values, the stack has 1"),
            ("tuple3-across-mark", b"NN(N\x87", "TUPLE3: needs 3 values, the stack has 1"),
            ("memo-unset", b"h\5", "BINGET: memo 5 was never set"), ("memo-unset-gap", b"Nq\1h\0", "BINGET: memo 0 was never set"),
            ("memo-far", b"j\xff\xff\xff\x7f", "LONG_BINGET: memo 2147483647 was never set"), ("memo-of-nothing", b"q\0", "BINPUT: needs a value"),
            ("number-cut", b"J\1", "BININT: an operand of 4 bytes, of which 2 are there"), ("long-cut", b"\x8a\x09\1", "LONG1: an integer of 9 bytes, of which 2"),
            ("long-huge", b"\x8b\xff\xff\xff\xff", "LONG4: an integer of 4294967295 bytes, of which 1"),
            ("text-huge", b"X\xff\xff\xff\xff", "BINUNICODE: a text of 4294967295 bytes, of which 1"),
            ("text8-huge", b"\x8d" + struct.pack("<Q", 2**63), "BINUNICODE8: a text of 9223372036854775808 bytes"),
            ("bytes8-huge", b"\x8e" + b"\xff" * 8, "BINBYTES8: bytes of 18446744073709551615 bytes"),
            ("short-text-cut", b"\x8c\x80x", "SHORT_BINUNICODE: a text of 128 bytes, of which 2"), ("float-cut", b"G123", "BINFLOAT: an operand of 8 bytes"),
            ("frame-huge", b"\x95" + struct.pack("<Q", 2**60), "FRAME: a frame of 1152921504606846976 bytes, of which 1"),
            ("build-on-dict", b"}}b", "BUILD: sets the state of a dict; only that of an OrderedDict"),
            ("build-on-tensor", tensor() + b"}b", "BUILD: sets the state of a tensor"), ("build-alone", b"}b", "BUILD: needs a value")]:
        value(title, raw, piece)
    for title in ("build-on-dict", "build-on-tensor"):
        cases[title] = (cases[title][0], "UNSUPPORTED", cases[title][2])
    value("memo-bomb", b"Nr\xff\xff\xff\x7f", "LONG_BINPUT: memo 2147483647 after 2 opcodes", "LIMIT")


def storages():
    for title, source, piece in [
            ("id-a-text", text("0") + b"Q", "BINPERSID: a persistent id is a text, expected a tuple"), ("id-short", group(text("storage")) + b"Q", "a persistent id of 1 fields"),
            ("id-long", storage(fields=(NONE, NONE)), "a persistent id of 7 fields, torch writes 5 or 6"),
            ("id-module", group(text("module"), name("torch", "FloatStorage"), text("0"), text("cpu"), number(4)) + b"Q", 'the kind "module", expected "storage"'),
            ("id-kind-number", group(number(1), NONE, NONE, NONE, NONE) + b"Q", "the kind of a persistent id is an integer"),
            ("type-text", storage(kind_name=text("FloatStorage")), "the type of a storage is a text, expected a name"),
            ("type-other-name", storage(kind_name=name("torch", "Size")), "the type of a storage is the name of something else"),
            ("key-number", storage(key=0), "the key of a storage is an integer"), ("key-empty", storage(key=""), "a storage key of 0 bytes"),
            ("key-long", storage(key="0" * 257), "a storage key of 257 bytes"), ("device-number", storage(device=0), "the device of a storage is an integer"),
            ("meta", storage(device="meta"), 'the storage "0" is on the meta device'), ("size-negative", storage(count=-1), "the size of a storage is -1"),
            ("size-text", storage(count=text("4")), "the size of a storage is a text"), ("size-wide", storage(count=2**64), "the size of a storage is an integer of more than 64 bits"),
            ("size-wraps", storage(count=2**62), "a storage of 4611686018427387904 f32 is too large for 64 bits")]:
        value(f"storage-{title}", entries(("w", tensor(source))), piece)
    value("storage-view", entries(("w", tensor(storage(fields=(group(text("1"), number(0), number(4)),))))), "a view of another, as torch before 0.4", "UNSUPPORTED")
    for title, second, piece in [("other-type", storage("IntStorage"), '"0" is 4 f32 at first and 4 i32 here'), ("other-size", storage(count=3), '"0" is 4 f32 at first and 3 f32 here')]:
        value(f"storage-{title}", entries(("a", tensor()), ("b", tensor(second, size=(1,)))), piece)
    bad("record-missing", GOOD, "has no model/data/0, which files of torch.save have", records={})
    bad("record-short", GOOD, "model/data/0: 12 bytes, its storage of 4 f32 takes 16", records={"0": bytes(12)})
    bad("record-long", GOOD, "model/data/0: 20 bytes, its storage of 4 f32 takes 16", records={"0": bytes(20)})
    bad("record-odd", GOOD, "model/data/0: 15 bytes, its storage", records={"0": bytes(15)})
    bad("record-2-TiB", state(w=tensor(storage(count=2**39), size=(2**39,))), "its storage of 549755813888 f32 takes 2199023255552")
    bad("record-dots", state(w=tensor(storage(key="../../x"))), "has no model/data/../../x, which", records={"0": bytes(16)})


def tensors():
    for title, body, piece in [
            ("no-storage", tensor(NONE), "the storage of a tensor is None, expected a storage"), ("offset-negative", tensor(offset=-1, size=(1,)), "the offset of a tensor is -1"),
            ("offset-text", tensor(offset=text("0")), "the offset of a tensor is a text"), ("size-list", tensor(size=b"]"), "the size of a tensor is a list"),
            ("size-negative", tensor(size=(-4,)), "the size of a tensor is -4"), ("size-real", tensor(size=group(b"G" + bytes(8))), "the size of a tensor is a real number"),
            ("size-bool", tensor(size=group(TRUE)), "the size of a tensor is a boolean"), ("stride-negative", tensor(stride=(-1,)), "the strides of a tensor is -1"),
            ("stride-none", tensor(stride=NONE), "the strides of a tensor is None"), ("strides-few", tensor(size=(2, 2)), "a tensor of 2 sizes and 1 strides"),
            ("too-long", tensor(size=(5,)), "[5] with strides [1] at 0 reaches outside its storage of 4"), ("offset-past", tensor(offset=1), "[4] with strides [1] at 1 reaches"),
            ("stride-past", tensor(size=(2,), stride=(4,)), "[2] with strides [4] at 0 reaches"), ("scalar-past", tensor(offset=4, size=(), stride=()), "[] with strides [] at 4 reaches"),
            ("empty-past", tensor(offset=5, size=(0,)), "[0] with strides [1] at 5 reaches"), ("rows-past", tensor(size=(2, 3), stride=(3, 1)), "[2, 3] with strides [3, 1] at 0 reaches"),
            ("wraps", tensor(size=(2**33, 2**33), stride=(2**33, 1)), "[8589934592, 8589934592] with strides [8589934592, 1] at 0"),
            ("wraps-to-0", tensor(size=(2, 2), stride=(2**62, 2**62)), "with strides [4611686018427387904, 4611686018427387904]"),
            ("five-arguments", tensor(arguments=[storage(), number(0), numbers(4), numbers(1), FALSE]), "_rebuild_tensor_v2 of 5 arguments"),
            ("eight-arguments", tensor(more=(NONE, NONE)), "_rebuild_tensor_v2 of 8 arguments, expected 6 or 7"), ("metadata-text", tensor(more=(text("x"),)), "the metadata of a tensor is a text"),
            ("parameter-two", name("torch._utils", "_rebuild_parameter") + group(tensor(), TRUE) + b"R", "_rebuild_parameter of 2 arguments"),
            ("parameter-text", name("torch._utils", "_rebuild_parameter") + group(text("x"), TRUE, NONE) + b"R", "the data of a parameter is a text")]:
        value(f"tensor-{title}", entries(("w", body)), piece)
    value("tensor-conjugated", entries(("w", tensor(more=(entries(("neg", TRUE)),)))), "whose metadata say that it is conjugated or negated", "UNSUPPORTED")
    value("tensor-rank-9", entries(("w", tensor(size=(1,) * 9, stride=(1,) * 9))), "a tensor of 9 dimensions, at most 8", "LIMIT")
    value("tensor-expanded-to-4-TiB", entries(("w", tensor(size=(2**40,), stride=(0,)))), 'tensor "w", [1099511627776] with strides [0] over 4 f32, takes 4398046511104 bytes of memory',
          "LIMIT")
    value("tensor-expanded-to-wrap", entries(("w", tensor(size=(2**40, 2**40), stride=(0, 0)))), "with strides [0, 0] over 4 f32, is too large for 64 bits", "LIMIT")
    value("tensor-expanded-by-parts", entries(*((f"w{i}", tensor(size=(2**20,), stride=(0,))) for i in range(6))), 'tensor "w4", [1048576] with strides [0] over 4 f32, takes 4194304 bytes', "LIMIT")


def dicts():
    for title, body, found in [("none", NONE, "None"), ("list", b"]", "a list"), ("tensor", tensor(), "a tensor"), ("text", text("x"), "a text"), ("name", name("torch", "Size"), "a name")]:
        value(f"root-{title}", body, f"holds {found}, expected a dict of tensors")
    value("dict-empty", b"}", "its dict is empty")
    value("dict-unusual-key", entries(("weights", entries(("w", tensor())))), "its dict holds no tensor (weights is a dict), and state_dict, model and module in it none either")
    value("dict-too-deep", entries(("model", entries(("model", entries(("w", tensor())))))), "its dict holds no tensor (model is a dict), and")
    value("dict-in-itself", b"}q\0" + text("module") + b"h\0s", "its dict holds no tensor (module is a dict), and")
    value("dict-of-numbers", entries(*((f"k{i}", number(i)) for i in range(20)), (number(1), NONE)), "(k0 is an integer, k1 is an integer, k2 is an integer, k3 is an integer, …), and")
    for title, key, piece in [("number", number(1), "a tensor's name is an integer"), ("none", NONE, "a tensor's name is None"), ("bytes", b"C\1w", "a tensor's name is bytes"),
                              ("empty", text(""), "a tensor without a name"), ("nul", text("a\0"), 'tensor "a\\x00": a NUL in the name'),
                              ("not-utf8", text(b"\xff"), 'tensor "\\xff": the name is not UTF-8'), ("surrogate", text(b"\xed\xa0\x80"), 'tensor "\\xed\\xa0\\x80": the name is')]:
        value(f"key-{title}", entries((key, tensor())), piece)
    value("key-long", entries(("k" * 5000, tensor())), "a name of 5000 bytes, at most 4096", "LIMIT")
    value("key-twice", entries(("w", tensor()), ("w", tensor())), 'tensor "w" is in key-twice too')


def archives():
    whole = torch_zip(GOOD)
    for title, content, piece in [
            ("cut-1", whole[:-1], f"the zip directory is not at the end of its {len(whole) - 1} bytes"), ("cut-half", whole[:len(whole) // 2], f"not at the end of its {len(whole) // 2} bytes"),
            ("one-byte-more", whole + b"\0", f"not at the end of its {len(whole) + 1} bytes"), ("end-record-alone", end_record(0, 0, 0), "an archive without entries"),
            ("two-end-records", whole + end_record(5, 10, 10), "the zip directory of 10 bytes at 10 does not end at"),
            ("polyglot", b"PK\3\4" + b"#!/bin/sh\n" + whole, "does not end at"),
            ("comment", torch_zip(GOOD, end=lambda *a: end_record(*a, comment_bytes=7)), "the zip end record announces a comment of 7 bytes"),
            ("directory-outside", torch_zip(GOOD, end=lambda n, s, o: end_record(n, s, 2**31)), "bytes at 2147483648 does not end at"),
            ("directory-larger", torch_zip(GOOD, end=lambda n, s, o: end_record(n, s + 1, o)), "does not end at"), ("directory-earlier", torch_zip(GOOD, end=lambda n, s, o: end_record(n, s, o - 1)), "does not end at"),
            ("entries-more", torch_zip(GOOD, end=lambda n, s, o: end_record(n + 1, s, o)), "no zip directory entry at"), ("entries-fewer", torch_zip(GOOD, end=lambda n, s, o: end_record(n - 1, s, o)), "bytes of zip directory after its 3 entries"),
            ("entries-65534", torch_zip(GOOD, end=lambda n, s, o: end_record(65534, s, o)), "65534 zip entries in a directory of"),
            ("refers-to-64", torch_zip(GOOD, end=lambda n, s, o: end_record(n, s, 2**32 - 1)), "refers to one of 64 bits, which is not there"),
            ("locator-lost", torch_zip(GOOD, end=lambda n, s, o: end_record_64(n, s, o, o + s, locator=5) + end_record(n, s, o)), "the zip locator points to 5, where no"),
            ("locator-2-TiB", torch_zip(GOOD, end=lambda n, s, o: end_record_64(n, s, o, o + s, locator=2**41) + end_record(n, s, o)), "the zip locator points to 2199023255552"),
            ("record-64-longer", torch_zip(GOOD, end=lambda n, s, o: end_record_64(n, s, o, o + s, record_bytes=99) + end_record(n, s, o)), "where no end record of 64 bits stands"),
            ("ends-disagree-entries", torch_zip(GOOD, end=lambda n, s, o: end_record_64(n, s, o, o + s) + end_record(n + 1, s, o)), "the zip end records disagree: 5 and 4 entries"),
            ("ends-disagree-offset", torch_zip(GOOD, end=lambda n, s, o: end_record_64(n, s, o, o + s) + end_record(n, s, 7)), "the zip end records disagree: 7 and"),
            ("directory-64-at-2-TiB", torch_zip(GOOD, end=lambda n, s, o: end_record_64(n, s, 2**41, o + s) + end_record(n, s, 2**32 - 1)), "bytes at 2199023255552 does not end at")]:
        case(f"zip-{title}", content, "FORMAT", piece)
    case("zip-entries-2-48", torch_zip(GOOD, end=lambda n, s, o: end_record_64(2**48, s, o, o + s) + end_record(65535, s, o)), "LIMIT", "281474976710656 zip entries, at most 1000000")
    case("zip-several-disks", torch_zip(GOOD, end=lambda *a: end_record(*a, disk=1)), "UNSUPPORTED", "the zip archive is one of several disks")


def with_entry(title, entry, piece, status="FORMAT"):
    case(f"zip-{title}", torch_zip(GOOD, more=[entry]), status, piece)


def zip_entries():
    data = b"x" * 40
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packed.compress(bytes(5_000_000)) + packed.flush()
    with_entry("bomb", Entry("model/data/1", bomb, method=8, size=5_000_000, local_size=5_000_000), "model/data/1: the zip entry is compressed (method 8)", "UNSUPPORTED")
    for method in (9, 12, 14, 93):
        with_entry(f"method-{method}", Entry("model/x", data, method=method), f"is compressed (method {method})", "UNSUPPORTED")
    with_entry("encrypted", Entry("model/x", data, flags=1), "model/x: the zip entry is encrypted", "UNSUPPORTED")
    with_entry("patched", Entry("model/x", data, flags=32), "model/x: the zip entry has the flags 32, torch writes 2056", "UNSUPPORTED")
    with_entry("other-disk", Entry("model/x", data, disk=3), "model/x: the zip entry lies on another disk", "UNSUPPORTED")
    for title, changes, piece in [
            ("packed-differs", {"packed": 39}, "39 bytes in the archive and 40 outside"), ("offset-outside", {"offset": 99999}, "its offset 99999 lies outside"),
            ("offset-of-nothing", {"offset": 3}, "no local zip header at 3"), ("offset-of-another", {"offset": 0}, 'the local zip header at 0 names "model/data.pkl"'),
            ("reaches-out", {"size": 9999, "packed": 9999, "local_size": 9999, "local_packed": 9999}, "9999 bytes from"),
            ("name-differs", {"local_name": b"model/y"}, 'names "model/y"'), ("flags-differ", {"local_flags": 0}, "flags or method of the local zip header"),
            ("method-differs", {"local_method": 8}, "model/method-differs: flags or method"), ("size-differs", {"local_size": 41}, "the local zip header says 41 bytes, the directory 40"),
            ("size-0-without-descriptor", {"local_packed": 0}, "the local zip header says 0 bytes, the directory 40"), ("crc-differs", {"local_crc": 5}, "the local zip header has another CRC-32"),
            ("local-signature", {"local_signature": 0}, "model/local-signature: no local zip header at"), ("central-signature", {"central_signature": 0}, "no zip directory entry at"),
            ("extra-long", {"extra_bytes": 9}, "reaches past the directory"), ("local-extra-long", {"local_extra_bytes": 60000}, "40 bytes from"),
            ("extra-field-long", {"extra": struct.pack("<HH", 1, 99)}, "an extra field reaches past its entry"), ("size-64-absent", {"size": 2**32 - 1}, "a size of 64 bits is announced and absent"),
            ("size-64-short", {"size": 2**32 - 1, "extra": struct.pack("<HHI", 1, 4, 40)}, "the extra field of 64 bits is too short"),
            ("size-64-lies", {"size": 2**32 - 1, "packed": 2**32 - 1, "extra": struct.pack("<HHQQ", 1, 16, 2**41, 2**41)}, "2199023255552 bytes from"),
            ("offset-64-lies", {"offset": 2**32 - 1, "extra": struct.pack("<HHQ", 1, 8, 2**41)}, "its offset 2199023255552 lies outside"),
            ("offset-64-wraps", {"offset": 2**32 - 1, "extra": struct.pack("<HHQ", 1, 8, 2**64 - 8)}, "its offset 18446744073709551608 lies outside")]:
        with_entry(f"entry-{title}", Entry(f"model/{title}", data, **changes), piece)
    for title, entry, piece in [
            ("parent", Entry("model/../x"), '"model/../x" leaves the archive'), ("ends-in-dots", Entry("model/.."), '"model/.." leaves'), ("begins-with-dots", Entry("../x"), '"../x" leaves'),
            ("absolute", Entry("/etc/passwd"), '"/etc/passwd" is an absolute path'), ("backslash", Entry("model\\x"), "holds a backslash"), ("nul", Entry("model/a\0b"), "holds a NUL"),
            ("not-utf8", Entry(b"model/\xff"), '"model/\\xff" is not UTF-8'), ("empty", Entry(""), "a zip entry without a name"),
            ("other-folder", Entry("other/data.pkl"), '"other/data.pkl" is not in the folder model/'), ("twice", Entry("model/data.pkl", GOOD), '"model/data.pkl" stands twice'),
            ("no-folder", Entry("data.pkl"), '"data.pkl" is not in the folder')]:
        with_entry(f"name-{title}", entry, piece)
    with_entry("name-long", Entry("model/" + "n" * 5000), "a zip entry's name of 5006 bytes, at most 4096", "LIMIT")
    case("zip-in-no-folder", zip_file([Entry("data.pkl", GOOD), Entry("version", b"3")]), "FORMAT", '"data.pkl" is in no folder')
    inner = Entry("model/inner", b"y" * 8)
    outer = Entry("model/outer", inner.local() + inner.data)
    entries_ = [Entry("model/data.pkl", GOOD), Entry("model/version", b"3"), outer]
    at = len(zip_file(entries_, end=lambda n, s, o: b"")) - len(outer.data) - len(b"".join(e.central(0) for e in entries_))
    shell = zip_file(entries_ + [Entry("model/inner", b"y" * 8, offset=at)])
    case("zip-overlap", shell, "FORMAT", "the zip entries model/outer and model/inner overlap at")


def records():
    case("no-data-pkl", zip_file([Entry("model/version", b"3"), Entry("model/x", b"")]), "FORMAT", "has no model/data.pkl, which files of torch.save have")
    case("no-version", torch_zip(GOOD, version=None), "FORMAT", "has no model/version")
    for title, raw, piece, status in [("text", b"three", 'the version "three" is no number', "FORMAT"), ("0", b"0", 'the version "0" is no number from 1', "FORMAT"),
                                      ("empty", b"", 'the version "" is no number from 1', "FORMAT"), ("11", b"11\n", "an archive of version 11, read are 1 to 10", "UNSUPPORTED"),
                                      ("digits", b"9" * 16, 'the version "9999999999999999" is no number', "FORMAT"), ("long", b"3" * 17, "model/version: 17 bytes, at most 16", "LIMIT")]:
        case(f"version-{title}", torch_zip(GOOD, version=raw), status, piece)
    case("byteorder-middle", torch_zip(GOOD, byteorder=b"middle"), "FORMAT", 'byteorder is "middle", expected "little" or "big"')
    case("byteorder-empty", torch_zip(GOOD, byteorder=b""), "FORMAT", 'byteorder is "", expected')
    case("torchscript", torch_zip(GOOD, more=[Entry("model/constants.pkl", GOOD)]), "UNSUPPORTED", "a TorchScript archive: a program, not a file of tensors")
    whole = bytearray(torch_zip(GOOD))
    whole[whole.index(b"FloatStorage")] ^= 1
    case("pickle-damaged", bytes(whole), "FORMAT", "model/data.pkl: the CRC-32 of its")


def older_form():
    for title, content, piece in [
            ("magic-in-a-text", legacy(GOOD, magic=pickle(b"C\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")), "does not begin with the magic number of torch.save"),
            ("protocol-1002", legacy(GOOD, protocol=pickle(b"M\xea\x03")), "the protocol is 1002, expected 1001"), ("protocol-text", legacy(GOOD, protocol=pickle(text("1001"))), "the protocol is a text, expected 1001"),
            ("keys-dict", legacy(GOOD, keys=pickle(b"}")), "the storage keys are a dict, expected a list"), ("keys-numbers", legacy(GOOD, keys=pickle(b"](K\0e")), "a storage key is an integer"),
            ("keys-none", legacy(GOOD, keys=pickle(b"]"), data=b""), 'the storage "0" is not in the list of keys'), ("keys-other", legacy(GOOD, keys=pickle(b"](" + text("1") + b"e")), 'the storage "1" belongs to no tensor'),
            ("keys-twice", legacy(GOOD, keys=pickle(b"](" + text("0") * 2 + b"e")), 'the storage "0" is listed twice'),
            ("elements-3", legacy(GOOD, data=struct.pack("<q", 3) + bytes(16)), 'the storage "0" has 3 elements, its tensors say 4'), ("elements-negative", legacy(GOOD, data=b"\xff" * 24), 'the storage "0" has -1 elements'),
            ("cut-in-storage", legacy(GOOD)[:-1], 'the storage "0" takes 16 bytes, 15 are left'), ("cut-in-length", legacy(GOOD)[:-17], 'ends before the storage "0"'),
            ("tail", legacy(GOOD) + b"\0\0", "2 bytes after the last storage"), ("two-files", legacy(GOOD) * 2, "bytes after the last storage"),
            ("os-system", legacy(pickle(name("os", "system") + group(text("id")) + b"R")), "object (at byte 98), offset 2, GLOBAL: names os.system"),
            ("os-system-in-keys", legacy(GOOD, keys=pickle(name("os", "system") + group(text("id")) + b"R")), "storage keys (at byte"),
            ("cut-in-object", (MAGIC + b.PROTOCOL + b.SYSTEM + GOOD)[:-9], "object (at byte"), ("only-magic", MAGIC, "protocol (at byte 15): 0 bytes are no pickle"),
            ("storage-2-TiB", legacy(state(w=tensor(storage(count=2**39), size=(2**39,))), data=struct.pack("<q", 2**39) + bytes(16)), 'the storage "0" takes 2199023255552 bytes, 16 are left')]:
        status = "UNSUPPORTED" if title in ("os-system", "os-system-in-keys") else "FORMAT"
        case(f"legacy-{title}", content, status, piece)


def strangers():
    for title, content, piece in [
            ("empty", b"", "its 0 bytes begin neither as zip archive nor as torch pickle"), ("text", b"I am not a tensor.\n", "its 19 bytes begin neither"),
            ("a-git-lfs-pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n", "a Git LFS pointer"), ("a-web-page", b"<!DOCTYPE html><title>404</title>", "a web page"),
            ("a-gguf", b"GGUF\3\0\0\0" + bytes(16), "a GGUF file"), ("a-safetensors", struct.pack("<Q", 2) + b"{}", "it looks like safetensors")]:
        case(title, content, "FORMAT", f"not a torch file: {piece}")
    case("a-pickle", b"\x80\x04}.", "UNSUPPORTED", "a pickle, but not one of torch.save")
    case("a-tar", bytes(257) + b"ustar" + bytes(250), "UNSUPPORTED", "a tar file, as torch before 0.2 wrote it")


def legal():
    good("legal", GOOD)
    good("legal-tied", state(a=tensor(), b=tensor(), c=tensor(size=(2,), stride=(2,), offset=1)))
    good("legal-state-dropped", pickle(ORDERED + b"(" + text("w") + tensor() + b"u" + entries(("_metadata", ORDERED)) + b"b"))
    good("legal-empty-storage", state(w=tensor(storage(count=0), size=(0,))), {"0": b""})
    good("legal-empty-at-the-end", state(w=tensor(offset=4, size=(3, 0), stride=(1, 1))))
    good("legal-on-cuda", state(w=tensor(storage(device="cuda:1"))))
    good("legal-metadata-empty", state(w=tensor(more=(b"}",))))
    good("legal-expanded-a-little", state(w=tensor(size=(1000,), stride=(0,))))
    good("legal-size-object", state(w=tensor(size=name("torch", "Size") + group(numbers(4)) + b"R")))
    good("legal-without-byteorder", GOOD, byteorder=None)
    good("legal-version-10", GOOD, version=b"10\n")
    good("legal-other-records", GOOD, more=[Entry("model/.data/serialization_id", b"1"), Entry("model/extra/notes", b"x"), Entry("model/sub/")])
    good("legal-end-64", GOOD, end=lambda n, s, o: end_record_64(n, s, o, o + s) + end_record(65535, 2**32 - 1, 2**32 - 1))
    good("legal-sizes-64", GOOD, more=[Entry("model/x", b"abcd", size=2**32 - 1, packed=2**32 - 1, extra=struct.pack("<HHHHQQ", 0x4246, 0, 1, 16, 4, 4))])
    good("legal-descriptor", GOOD, more=[Entry("model/x", b"abcd", flags=UTF8 | DESCRIPTOR, local_size=0, local_packed=0, local_crc=0)])
    good("legal-gap", GOOD, gap=100)
    good("legal-nested-1000-deep", pickle(entries(("w", tensor()), ("deep", NONE + b"\x85" * 1000))))
    good("legal-list-in-itself", pickle(entries(("w", tensor()), ("list", b"]q\0h\0a"))))
    case("legal-older-form", legacy(GOOD), "OK")
    case("legal-older-form-big-note", legacy(GOOD).replace(b"little_endianq\2" + TRUE, b"little_endianq\2" + FALSE), "OK")


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    for make in (hostile_names, opcodes, structure, storages, tensors, dicts, archives, zip_entries, records, older_form, strangers, legal):
        make()
    for title, (content, _, _) in cases.items():
        assert len(content) < 65536, title
        (HERE / title).write_bytes(content)
    rows = sorted((title, status, piece) for title, (_, status, piece) in cases.items())
    (HERE / "expected.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    print(len(rows), "files,", sum(status != "OK" for _, status, _ in rows), "of them bad")


if __name__ == "__main__":
    main()
