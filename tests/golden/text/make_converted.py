"""Writes json-converted.json: test_tokenizer.model in the form that a published LLaMA has beside its tokenizer.model.

usage: make_converted.py [FOLDER]          (sentencepiece 0.2.1, tokenizers 0.22.2)

The rule of published conversions: every way to put a piece together from two pieces is a merge, in the order of the pieces'
scores. Control and byte pieces take no part. Prints on how many random texts the two differ.
"""
import pathlib
import random
import sys

import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors

from fuzz_text import fuzz_text

HERE = pathlib.Path(__file__).parent


def merges_of(pieces, scores, ordinary):
    ids = {piece: i for i, piece in enumerate(pieces)}
    merges = []
    for i in ordinary:
        piece = pieces[i]
        pairs = [(ids[piece[:at]], ids[piece[at:]]) for at in range(1, len(piece))
                 if ids.get(piece[:at]) in ordinary and ids.get(piece[at:]) in ordinary]
        merges += [(-scores[i], left, right) for left, right in sorted(pairs)]
    merges.sort(key=lambda merge: merge[0])
    return [(pieces[left], pieces[right]) for _, left, right in merges]


def main(folder):
    model = sentencepiece.SentencePieceProcessor(model_file=str(HERE / "test_tokenizer.model"))
    size = model.get_piece_size()
    pieces = [model.id_to_piece(i) for i in range(size)]
    scores = [model.get_score(i) for i in range(size)]
    ordinary = {i for i in range(size) if not (model.is_control(i) or model.is_byte(i) or model.is_unknown(i))}
    vocab = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab, merges_of(pieces, scores, ordinary), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", model.bos_id())])
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in ("<unk>", "<s>", "</s>")])
    tokenizer.save(str(folder / "json-converted.json"), pretty=False)
    tokenizer.encode_special_tokens = True
    choice = random.Random(5)
    texts = [fuzz_text(choice) for _ in range(5000)]
    different = [t for t in texts if model.encode(t) != tokenizer.encode(t, add_special_tokens=False).ids]
    print(f"{size} tokens; {len(different)} of {len(texts)} texts have other ids", *map(repr, different[:3]))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE))
