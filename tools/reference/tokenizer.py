"""A small BPE sentencepiece model in the manner of LLaMA's: unk 0, bos 1, eos 2, byte fallback, dummy prefix."""

import io
import random

WORDS = """a the one two red blue green small large round square box ball cat dog bird house tree road river hill cloud
sun moon left right above below near far what is in this picture where which colour how many are there see look answer
question user assistant human says yes no please describe shortly and then with of on under between""".split()


def train_tokenizer(pieces=320, seed=7):
    """The bytes of a tokenizer.model with `pieces` pieces; the same for the same arguments."""
    import sentencepiece

    chooser = random.Random(seed)
    lines = [" ".join(chooser.choices(WORDS, k=chooser.randint(3, 12))).capitalize() + chooser.choice(".?!:")
             for _ in range(600)]
    target = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=target, model_type="bpe", vocab_size=pieces, byte_fallback=True,
        character_coverage=0.99, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, normalization_rule_name="identity",
        remove_extra_whitespaces=False, add_dummy_prefix=True, split_digits=True, num_threads=1, minloglevel=2)
    return target.getvalue()
