"""Zip archives and pickles put together by hand, byte by byte, so that every field can be made wrong.

Standard library only. Used by make_bin.py and by tests/fuzz/make_corpus.py.
"""
import struct
import zlib

STORED, DESCRIPTOR, UTF8 = 0, 8, 0x800


class Entry:
    """One zip entry; keyword arguments replace single fields of its headers."""

    def __init__(self, name, data=b"", **changes):
        self.name, self.data = name if isinstance(name, bytes) else name.encode(), data
        self.changes = changes

    def field(self, key, value):
        return self.changes.get(key, value)

    def local(self):
        crc, size, name = zlib.crc32(self.data), len(self.data), self.field("local_name", self.name)
        extra = self.field("local_extra", b"")
        return struct.pack("<IHHHHHIIIHH", self.field("local_signature", 0x04034B50), 0, self.field("local_flags", self.flags()),
                           self.field("local_method", self.method()), 0, 0, self.field("local_crc", self.crc(crc)), self.field("local_packed", size),
                           self.field("local_size", size), len(name), self.field("local_extra_bytes", len(extra))) + name + extra

    def flags(self):
        return self.field("flags", UTF8)

    def method(self):
        return self.field("method", STORED)

    def crc(self, value):
        return self.field("crc", value)

    def central(self, offset):
        extra, size = self.field("extra", b""), len(self.data)
        return struct.pack("<IHHHHHHIIIHHHHHII", self.field("central_signature", 0x02014B50), 0, 0, self.flags(), self.method(), 0, 0,
                           self.crc(zlib.crc32(self.data)), self.field("packed", size), self.field("size", size), len(self.name),
                           self.field("extra_bytes", len(extra)), 0, self.field("disk", 0), 0, 0, self.field("offset", offset)) + self.name + extra


def end_record(entries, size, offset, comment=b"", disk=0, comment_bytes=None):
    return struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, entries, entries, size, offset,
                       len(comment) if comment_bytes is None else comment_bytes) + comment


def end_record_64(entries, size, offset, own_offset, record_bytes=44, locator=None, disks=1):
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, record_bytes, 45, 45, 0, 0, entries, entries, size, offset)
    return record + struct.pack("<IIQI", 0x07064B50, 0, own_offset if locator is None else locator, disks)


def zip_file(entries, end=None, gap=0):
    """The whole archive. `end(count, directory size, directory offset)` gives the bytes of the end records."""
    out, offsets = b"", []
    for entry in entries:
        offsets.append(len(out))
        out += entry.local() + entry.data
    out += bytes(gap)
    directory = b"".join(entry.central(offset) for entry, offset in zip(entries, offsets))
    return out + directory + (end or end_record)(len(entries), len(directory), len(out))


def torch_zip(pickle, records=None, folder="model", version=b"3\n", byteorder=b"little", more=(), **options):
    """An archive as torch.save writes it around the bytes of a pickle; `records` maps storage keys to bytes."""
    entries = [Entry(f"{folder}/data.pkl", pickle)]
    if byteorder is not None:
        entries.append(Entry(f"{folder}/byteorder", byteorder))
    entries += [Entry(f"{folder}/data/{key}", data) for key, data in ({"0": bytes(16)} if records is None else records).items()]
    if version is not None:
        entries.append(Entry(f"{folder}/version", version))
    return zip_file(entries + list(more), **options)


# --- pickles

PROTO, STOP = b"\x80\x02", b"."
NONE, TRUE, FALSE, MARK = b"N", b"\x88", b"\x89", b"("


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def group(*items):
    return MARK + b"".join(items) + b"t"


def numbers(*values):
    return group(*map(number, values))


def entries(*pairs):
    """A dict of (key, value) pairs of pickled bytes, or of text and bytes."""
    body = b"".join((text(key) if isinstance(key, str) else key) + value for key, value in pairs)
    return b"}" + MARK + body + b"u"


ORDERED = name("collections", "OrderedDict") + b")R"


def storage(kind="FloatStorage", key="0", count=4, device="cpu", kind_name=None, fields=()):
    parts = [text("storage"), kind_name or name("torch", kind), text(key) if isinstance(key, (str, bytes)) else number(key),
             text(device) if isinstance(device, str) else number(device), number(count) if isinstance(count, int) else count]
    return group(*parts, *fields) + b"Q"


def tensor(source=None, offset=0, size=(4,), stride=(1,), more=(), arguments=None):
    if arguments is None:
        arguments = [storage() if source is None else source, number(offset) if isinstance(offset, int) else offset,
                     size if isinstance(size, bytes) else numbers(*size), stride if isinstance(stride, bytes) else numbers(*stride),
                     FALSE, ORDERED, *more]
    return name("torch._utils", "_rebuild_tensor_v2") + group(*arguments) + b"R"


def pickle(body):
    return PROTO + body + STOP


def state(**tensors):
    return pickle(entries(*tensors.items()))


# --- the older form

MAGIC = PROTO + b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" + STOP
PROTOCOL = pickle(b"M\xe9\x03")
SYSTEM = pickle(entries(("protocol_version", b"M\xe9\x03"), ("little_endian", TRUE), ("type_sizes", entries(("int", number(4))))))


def legacy(body, keys=None, data=None, magic=MAGIC, protocol=PROTOCOL):
    keys = pickle(b"](" + text("0") + b"e") if keys is None else keys
    data = struct.pack("<q", 4) + bytes(16) if data is None else data
    return magic + protocol + SYSTEM + body + keys + data
