"""Trains the tokenizer.json files of this folder and writes what `tokenizers` makes of random texts with them.

usage: make_tokenizer_json.py [FOLDER]

Needs tokenizers 0.22.2. Six small vocabularies, learned from made-up words, each with exactly the components that a published
family has:

    json-llama.json     LLaMA 1/2, Vicuna, LLaVA-1.5: Prepend and Replace, no pre-tokenizer, byte fallback
    json-mistral.json   the same family without legacy behaviour: Metaspace ("first"), Strip
    json-gpt2.json      GPT-2, MPT: ByteLevel with its own expression; tokens added that are found in text
    json-llama3.json    LLaMA 3: Split, ByteLevel, ignore_merges
    json-qwen2.json     Qwen 2: NFC, Split, ByteLevel
    json-other.json     no family: an expression that is not among the well-known ones, digits split off, a prefix blank

json-fuzz.json holds 2000 texts. For each tokenizer json-sums.json holds a checksum of the ids of each text (special tokens
written in it are text), and of 500 decoded id sequences, which the test makes again by the same rule: FNV-1a, 32 bits, of the
ids as four bytes each, lowest first, or of the UTF-8 bytes. The first 40 texts have their ids spelled out in json-ids.json.
"""
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from fuzz_text import corpus, fuzz_text

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
OTHER = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?|\p{N}{2}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
TEXTS, SEQUENCES, SPELLED = 2000, 500, 40


def lines():
    return corpus(random.Random(7), 4000)


def special(*names):
    return [AddedToken(name, special=True, normalized=False) for name in names]


def train_fallback():
    """LLaMA's tables: <unk>, <s>, </s>, the bytes, then what was learned."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", True)
    marks = ["<unk>", "<s>", "</s>"]
    tokenizer.train_from_iterator(lines(), trainers.BpeTrainer(
        vocab_size=1500, special_tokens=marks + BYTES, limit_alphabet=330, show_progress=False))
    table = json.loads(tokenizer.to_str())
    table["added_tokens"] = [token for token in table["added_tokens"] if token["content"] in marks]
    tokenizer = Tokenizer.from_str(json.dumps(table))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
    tokenizer.add_special_tokens(special("<image>", "<pad>"))
    return tokenizer


def llama():
    tokenizer = train_fallback()
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = None
    return tokenizer


def mistral():
    tokenizer = train_fallback()
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first", False)
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("[note]", rstrip=True, normalized=False)])
    return tokenizer


def train_bytes(steps, normalizer=None, marks=("<|endoftext|>",), ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)
    tokenizer.train_from_iterator(lines(), trainers.BpeTrainer(
        vocab_size=1500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special(*marks))
    return tokenizer


def split_and_bytes(expression):
    return [pre_tokenizers.Split(Regex(expression), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]


def gpt2():
    tokenizer = train_bytes([pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_tokens([
        AddedToken("<tool>", lstrip=True, normalized=False), AddedToken("</tool>", lstrip=True, rstrip=True, normalized=False),
        AddedToken("[note]", single_word=True, normalized=True), AddedToken("héllo", normalized=True),
        AddedToken("        ", normalized=True), AddedToken("###", single_word=True, normalized=False)])
    return tokenizer


def llama3():
    marks = ("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<image>", "<pad>")
    tokenizer = train_bytes(split_and_bytes(LLAMA3), marks=marks, ignore_merges=True)
    start = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
        "<|begin_of_text|> $A", "<|begin_of_text|> $A <|begin_of_text|> $B", [("<|begin_of_text|>", start)])])
    return tokenizer


def qwen2():
    tokenizer = train_bytes(split_and_bytes(QWEN2), normalizers.NFC(), ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_tokens([AddedToken("héllo", normalized=True), AddedToken("<tool>", normalized=False)])
    return tokenizer


def other():
    return train_bytes([pre_tokenizers.Split(Regex(r"\p{N}{3}"), "merged_with_previous"),
                        pre_tokenizers.Split(Regex(OTHER), "removed", invert=True),
                        pre_tokenizers.Split("...", "contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)])


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value:08x}"


def sequences(size):
    """Id sequences for decoding; tests/text/tokenizer_json_test.cpp makes the same ones."""
    state = 1
    def draw(below):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % below
    for _ in range(SEQUENCES):
        narrow = draw(2) == 1  # half of them from the first tokens alone: bytes that meet
        yield [draw(min(size, 300) if narrow else size) for _ in range(1 + draw(12))]


FAMILIES = {"llama": llama, "mistral": mistral, "gpt2": gpt2, "llama3": llama3, "qwen2": qwen2, "other": other}


def main(folder):
    choice = random.Random(11)
    texts = [fuzz_text(choice) for _ in range(TEXTS)]
    (folder / "json-fuzz.json").write_text(json.dumps(texts, ensure_ascii=False, separators=(",", ":")) + "\n")
    sums, spelled = {}, {}
    for name, make in FAMILIES.items():
        tokenizer = make()
        tokenizer.encode_special_tokens = True
        path = folder / f"json-{name}.json"
        tokenizer.save(str(path), pretty=False)
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        size = tokenizer.get_vocab_size()
        decoded = [tokenizer.decode(row, skip_special_tokens=True) for row in sequences(size)]
        sums[name] = {"tokens": size,
                      "encode": "".join(fnv(b"".join(i.to_bytes(4, "little") for i in row)) for row in ids),
                      "decode": "".join(fnv(text.encode()) for text in decoded)}
        spelled[name] = ids[:SPELLED]
        print(f"{path.name}: {path.stat().st_size} bytes, {size} tokens, {sum(map(len, ids))} ids")
    (folder / "json-sums.json").write_text(json.dumps(sums, indent=0) + "\n")
    (folder / "json-ids.json").write_text(json.dumps(spelled, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent))
