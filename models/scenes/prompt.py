"""Turns dialogues into token ids and labels, the way LLaVA does (conversation llava_v1 / vicuna_v1, and "plain").

The text is cut at `<image>` and after `</s>`; every chunk is encoded by itself, so each gets its own leading
space piece. One BOS begins the sequence. Labels mark the answers and their `</s>`; all else is IGNORE.
"""

import pathlib

import numpy as np
import sentencepiece
import torch

BOS, EOS = 1, 2
IGNORE = -100
PATCHES = 9
SYSTEM = {
    "human": "A chat between a curious human and an artificial intelligence assistant. "
             "The assistant gives helpful, detailed, and polite answers to the human's questions.",
    "user": "A chat between a curious user and an artificial intelligence assistant. "
            "The assistant gives helpful, detailed, and polite answers to the user's questions.",
}
FOLDER = pathlib.Path(__file__).parent


class Prompter:
    def __init__(self, path=FOLDER / "tokenizer.model"):
        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.known = {}
        self.image = self.pieces.vocab_size()      # the id of <image>; <pad> follows it
        self.pad = self.image + 1
        self.vocabulary = (self.pad + 1 + 63) // 64 * 64

    def encode(self, text):
        ids = self.known.get(text)
        if ids is None:
            ids = self.pieces.encode(text)
            if len(text) < 80 and len(self.known) < 100_000:
                self.known[text] = ids
        return ids

    def opening(self, system, picture):
        """Everything up to the picture, and the picture itself (or the text that stands for it)."""
        ids = [BOS] + self.encode((SYSTEM[system] + " " if system else "") + "USER: ")
        return ids + [self.image] * PATCHES if picture else ids

    def dialogue(self, turns, system="human", picture=True):
        """ids and labels of [(question, answer), ...]; an open last turn has the answer None."""
        ids = self.opening(system, picture)
        labels = [IGNORE] * len(ids)
        for i, (question, answer) in enumerate(turns):
            ask = ("\n" if i == 0 and picture else "" if i == 0 else "USER: ") + question + " ASSISTANT:"
            prefix = self.encode(ask)
            if answer is None:
                return ids + prefix, labels + [IGNORE] * len(prefix)
            both = self.encode(ask) + self.encode(answer) + [EOS]
            ids, labels = ids + both, labels + [IGNORE] * len(prefix) + both[len(prefix):]
        return ids, labels

    def plain(self, caption, picture=True):
        """Stage 1: the picture, then its caption and a newline."""
        ids = [BOS] + [self.image] * PATCHES * picture
        text = self.encode(caption + "\n")
        return ids + text, [IGNORE] * len(ids) + text


def pad(rows, prompter):
    """[(ids, labels), ...] as two int64 tensors [B, L], padded on the right."""
    length = max(len(ids) for ids, _ in rows)
    ids = np.full((len(rows), length), prompter.pad, np.int64)
    labels = np.full((len(rows), length), IGNORE, np.int64)
    for i, (row, marks) in enumerate(rows):
        ids[i, :len(row)], labels[i, :len(row)] = row, marks
    return torch.from_numpy(ids), torch.from_numpy(labels)
