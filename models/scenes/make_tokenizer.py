"""Trains tokenizer.model: a small BPE with byte fallback and LLaMA's settings, on the text of this world."""

import io
import random

import sentencepiece

from prompt import FOLDER, SYSTEM, Prompter
from talk import article, caption, sample
from world import TOKENIZER_SEED

PIECES = 894    # with <image> and <pad> 896, a multiple of 64
ASCII = "".join(chr(c) for c in range(33, 127))


def lines():
    for seed in range(TOKENIZER_SEED, TOKENIZER_SEED + 3000):
        scene, turns = sample(seed, described=0.4)
        yield article(caption(scene, random.Random(seed)))
        for question, answer in turns:
            yield f"USER: {question} ASSISTANT: {answer}"
        if seed == TOKENIZER_SEED:
            yield " ".join(ASCII)   # every ASCII character becomes a piece
        if seed % 10 == 0:
            yield from SYSTEM.values()


def main():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines(), model_writer=model, model_type="bpe", vocab_size=PIECES, byte_fallback=True,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, add_dummy_prefix=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, allow_whitespace_only_pieces=True,
        character_coverage=1.0, max_sentence_length=10000, num_threads=1,
        minloglevel=1)
    (FOLDER / "tokenizer.model").write_bytes(model.getvalue())
    prompter = Prompter()
    whole = "\nWhere is the red circle? ASSISTANT: top left"
    assert prompter.encode(whole) == prompter.encode("\nWhere is the red circle? ASSISTANT:") + prompter.encode("top left")
    print(f"{prompter.pieces.vocab_size()} pieces; image id {prompter.image}, vocabulary {prompter.vocabulary}")


if __name__ == "__main__":
    main()
