"""Makes tests/weights/torch: small files of torch.save in both forms, and what is in them as safetensors.

usage: make_torch_files.py            (needs torch and safetensors; fixed seed)

`NAME.bin` is the file, `NAME.safetensors` its tensors, contiguous and in this machine's order of bytes. All kinds come as zip
archive and as the older form (`-legacy`); big-endian files as archive alone, since the older form is always little-endian.
"""
import collections
import pathlib
import zipfile
import zlib

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "torch"
TYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8,
         torch.uint8, torch.bool]


def expected(name, tensors):
    save_file({key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}, HERE / f"{name}.safetensors")


def case(name, value, tensors=None, **options):
    """Writes `value` in both forms; `tensors` is what a reader should find, the value itself where not given."""
    torch.save(value, HERE / f"{name}.bin", **options)
    torch.save(value, HERE / f"{name}-legacy.bin", _use_new_zipfile_serialization=False, **options)
    expected(name, value if tensors is None else tensors)


def numbers(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape) + 7))


def every_type():
    return {str(dtype).removeprefix("torch."): (numbers(3, 5) * 50).to(dtype) for dtype in TYPES}


def views():
    base = numbers(6, 8)
    return {"whole": base, "rows": base[2:4], "row": base[5], "column": base[:, 3], "transposed": base.t(), "block": base[1:5, 2:6],
            "every_other": base[::2, ::3], "reshaped": base.view(2, 3, 8).permute(2, 0, 1), "one_row_of_one": base[3:4, 7:8],
            "last": base[5, 7]}


def with_metadata():
    state = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3)).state_dict()
    for i, key in enumerate(state):
        state[key] = numbers(*state[key].shape) + i
    assert state._metadata  # an attribute of the OrderedDict: the BUILD opcode
    return state


def big_endian(path, tensors):
    """An archive as a big-endian machine writes it: the same pickle, the bytes of every number turned around."""
    order = {f"data/{i}": tensor.element_size() for i, tensor in enumerate(tensors.values())}
    source = zipfile.ZipFile(path)
    with zipfile.ZipFile(HERE / "big-endian.bin", "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            data, short = source.read(entry), entry.filename.split("/", 1)[1]
            if short in order:
                size = order[short]
                data = b"".join(data[at:at + size][::-1] for at in range(0, len(data), size))
            target.writestr(zipfile.ZipInfo(f"archive/{short}"), b"big" if short == "byteorder" else data)


def without_crc(value):
    torch.serialization.set_crc32_options(False)
    torch.save(value, HERE / "no-crc.bin")
    torch.serialization.set_crc32_options(True)
    assert all(entry.CRC == 0 for entry in zipfile.ZipFile(HERE / "no-crc.bin").infolist())
    expected("no-crc", value)


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    case("types", every_type())
    case("views", views())
    case("expanded", {"row": numbers(5).expand(4, 5), "number": numbers(1).expand(3, 2), "plain": numbers(2)})
    shared = numbers(4, 4)
    case("shared", {"embed": shared, "head": shared, "half": shared[:2]})
    case("parameter", {"w": torch.nn.Parameter(numbers(2, 3)), "frozen": torch.nn.Parameter(numbers(3), requires_grad=False)})
    case("ordered", collections.OrderedDict((name, numbers(i + 1)) for i, name in enumerate(["z", "a", "m"])))
    case("metadata", with_metadata())
    case("shapes", {"scalar": numbers(1)[0], "empty": torch.zeros(0), "empty_matrix": torch.zeros(3, 0, 2), "rank_8": numbers(1, 2, 1, 2, 1, 2, 1, 2)})
    case("under-state-dict", {"epoch": 3, "state_dict": {"w": numbers(3)}, "optimizer": {"state": {}, "lr": 0.1}}, {"w": numbers(3)})
    case("under-model", {"model": collections.OrderedDict(w=numbers(3)), "args": None}, {"w": numbers(3)})
    case("under-module", {"module": {"w": numbers(3)}}, {"w": numbers(3)})
    extras = {"step": 7, "big": 2**70, "negative": -(2**40), "lr": 1e-4, "on": True, "off": False, "none": None, "name": "x", "list": [1, "a", (2, 3)],
              "size": torch.Size([2, 3]), "device": torch.device("cpu"), "nested": {"t": numbers(2)}}
    case("other-values", {"w": numbers(3), **extras}, {"w": numbers(3)})
    case("unicode", {"größe.重み": numbers(2)})
    case("many", {f"layers.{i}.weight": numbers(i % 3 + 1) for i in range(300)})  # more than 256 memo entries, SETITEMS in one go
    for protocol in (3, 4, 5):
        case(f"protocol-{protocol}", {"w": numbers(2, 2), "bytes": b"abc"}, {"w": numbers(2, 2)}, pickle_protocol=protocol)
    without_crc({"w": numbers(9)})
    turned = every_type()
    torch.save(turned, HERE / "big-endian.bin")
    (HERE / "source.bin").write_bytes((HERE / "big-endian.bin").read_bytes())
    big_endian(HERE / "source.bin", turned)
    (HERE / "source.bin").unlink()
    expected("big-endian", turned)
    files = sorted(HERE.glob("*.bin"))
    print(len(files), "files,", sum(f.stat().st_size for f in HERE.iterdir()), "bytes, checksum", zlib.crc32(b"".join(f.read_bytes() for f in HERE.glob("*.safetensors"))))


if __name__ == "__main__":
    main()
