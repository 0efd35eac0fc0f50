"""Makes tests/fuzz/corpus: what the fuzz targets begin with where tests/bad has nothing of the kind.

usage: make_corpus.py                 (standard library only; two machines make the same bytes)

`pickle/` holds bare streams, `torch_file/` archives without CRC-32 (a changed pickle would otherwise be refused for its sum) and the
older form, `config_json/` configurations of models.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "bad"))
import torch_bytes as b  # noqa: E402

KINDS = ["FloatStorage", "HalfStorage", "BFloat16Storage", "DoubleStorage", "LongStorage", "IntStorage", "ShortStorage", "CharStorage", "ByteStorage", "BoolStorage"]


def streams():
    parameter = b.name("torch._utils", "_rebuild_parameter") + b.group(b.tensor(), b.TRUE, b.ORDERED) + b"R"
    yield "tensor", b.state(w=b.tensor())
    yield "strided", b.state(w=b.tensor(size=(2, 2), stride=(1, 2)), e=b.tensor(size=(3, 4), stride=(0, 1)), o=b.tensor(offset=3, size=(), stride=()))
    yield "parameter", b.state(w=parameter)
    yield "ordered", b.pickle(b.ORDERED + b"(" + b.text("w") + b.tensor() + b"u" + b.entries(("_metadata", b.ORDERED)) + b"b")
    yield "types", b.pickle(b.entries(*((kind, b.tensor(b.storage(kind, str(i)))) for i, kind in enumerate(KINDS))))
    yield "nested", b.pickle(b.entries(("epoch", b.number(3)), ("state_dict", b.entries(("w", b.tensor())))))
    yield "values", b.pickle(b.group(b.NONE, b.TRUE, b.FALSE, *map(b.number, (0, 255, 65536, -5, 2**40, -2**63, 2**70)), b"G" + bytes(8), b"C\3abc", b"\x8c\2xy", b"](K\1K\2e"))
    yield "memo", b.pickle(b"}q\0(" + b.text("a") + b"q\1" + b"K\1\x94h\1r\5\0\0\0j\5\0\0\0u")
    yield "size", b.state(w=b.tensor(size=b.name("torch", "Size") + b.group(b.numbers(4)) + b"R"), d=b.name("torch", "device") + b.group(b.text("cpu")) + b"R")
    four = b"\x8c\x05torch\x8c\x0cFloatStorage\x93"
    yield "protocol-4", b"\x80\x04\x95" + (19).to_bytes(8, "little") + b"}\x94\x8c\1w\x94" + four + b"s."
    yield "hostile", b.pickle(b.name("os", "system") + b.group(b.text("id")) + b"R")


def archive(stream):
    keys = [key for key in map(str, range(10)) if b.text(key) in stream]
    parts = [b.Entry("m/data.pkl", stream, crc=0), b.Entry("m/byteorder", b"little", crc=0)]
    parts += [b.Entry(f"m/data/{key}", bytes(range(16 if len(keys) == 1 else 4 * size)), crc=0) for key, size in zip(keys, [4, 2, 2, 8, 8, 4, 2, 1, 1, 1])]
    return b.zip_file(parts + [b.Entry("m/version", b"3", crc=0)])


def configs():
    golden = HERE.parent / "golden/model"
    for folder in ("tiny", "tiny_bf16", "tiny_dynamic", "tiny_new"):
        yield folder, (golden / folder / "config.json").read_bytes()
    whole = json.loads((golden / "tiny/config.json").read_text())
    whole["text_config"]["rope_scaling"] = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    yield "llama3", json.dumps(whole).encode()
    yield "defaults", b'{"model_type": "llava", "text_config": {"model_type": "llama"}, "vision_config": {"model_type": "clip_vision_model"}}'
    yield "original", json.dumps({"model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_vision_tower": "openai/clip-vit-large-patch14-336", "mm_hidden_size": 1024,
                                  "mm_projector_type": "mlp2x_gelu", "mm_vision_select_layer": -2, "image_aspect_ratio": "pad", "hidden_size": 4096, "num_attention_heads": 32,
                                  "image_grid_pinpoints": [[336, 672], [672, 336]]}).encode()
    for title, grids in (("grids", [[336, 672], [672, 336], [1008, 336]]), ("grids-text", "[(336, 672), (672, 336)]"), ("grids-range", "(1x1),...,(6x6)")):
        yield title, json.dumps({"model_type": "llava", "image_aspect_ratio": "anyres", "image_grid_pinpoints": grids}).encode()
    yield "next", (HERE.parent / "checkpoints/golden/hf_next/config.json").read_bytes()


def write(kind, files):
    (HERE / "corpus" / kind).mkdir(parents=True, exist_ok=True)
    for old in (HERE / "corpus" / kind).iterdir():
        old.unlink()
    for title, content in files:
        (HERE / "corpus" / kind / title).write_bytes(content)


def main():
    write("pickle", streams())
    write("torch_file", [(title, archive(stream)) for title, stream in streams()] + [("older-form", b.legacy(b.state(w=b.tensor()))),
                        ("older-form-strided", b.legacy(b.state(w=b.tensor(size=(2, 2), stride=(1, 2)))))])
    write("config_json", configs())
    files = [path for path in (HERE / "corpus").rglob("*") if path.is_file()]
    print(len(files), "files,", sum(path.stat().st_size for path in files), "bytes")


if __name__ == "__main__":
    main()
