#!/usr/bin/env python3
"""Makes goldens.json: what the sentencepiece package itself says about the test tokenizer.

    python make_goldens.py           (sentencepiece 0.2.1)

encode   text -> ids, of one run of text
decode   ids -> text, at random over the whole vocabulary, byte and special pieces included
prompts  the hand-written texts of templates.json -> ids under the original's chunk rule: text between "<image>", "<s>" and
         "</s>" is encoded run by run, one BOS first. The texts of this set hold no typed marks, so splitting is right."""
import json
import pathlib
import random
import re

import sentencepiece

HERE = pathlib.Path(__file__).resolve().parent
IMAGE = -200

BASE = [
    "What is shown in this image?", "The red boat is near the water.", "Is there a dog?", "No.", "Yes", "a", "I", "Z", "7", "42",
    "3.14159", "1,000,000", "2024-02-29", "x = y + 2;", "for (int i = 0; i < 10; ++i) {}", "https://example.org/a?b=c&d=%20#e",
    "name@example.org", "C:\\path\\file.txt", "/usr/lib/x86_64", "`code`", "**bold**", "_under_score_", "{\"key\": [1, 2.5, null]}",
    "<b>tag</b>", "(a) [b] {c}", "\"quoted\"", "'single'", "don't", "it's", "rock'n'roll", "e.g. this", "Mr. X, Ph.D.", "A/B", "50%",
    "$5.00", "\u20ac10", "\u00a33", "\u00a5700", "caf\u00e9", "na\u00efve", "\u00fcber", "\u00e6on", "\u0153uvre", "\u015fi\u015fe", "\u0141\u00f3d\u017a", "\u010desk\u00fd", "\u0151r\u00fclt", "S\u00e3o Paulo", "\u00bfQu\u00e9?", "\u00a1Hola!",
    "Le chat dort.", "Der Hund l\u00e4uft \u00fcber die Stra\u00dfe.", "El ni\u00f1o mira.", "O gato \u00e9 preto.", "Il gatto \u00e8 nero.", "K\u00f8benhavn", "\u00c5lesund", "\u00deing", "\u0130stanbul",
    "\u0421\u043e\u0431\u0430\u043a\u0430 \u0431\u0435\u0436\u0438\u0442 \u043f\u043e \u0443\u043b\u0438\u0446\u0435.", "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0407\u0436\u0430\u043a", "\u0397 \u03b3\u03ac\u03c4\u03b1 \u03ba\u03bf\u03b9\u03bc\u03ac\u03c4\u03b1\u03b9.", "\u0391\u03b2\u03b3\u03b4", "\u0531\u0580\u0574\u0565\u0576", "\u10e5\u10d0\u10e0\u10d7\u10e3\u10da\u10d8",
    "\u732b\u5728\u7a97\u8fb9\u7761\u89c9\u3002", "\u56fe\u7247\u91cc\u6709\u4ec0\u4e48\uff1f", "\u7e41\u9ad4\u4e2d\u6587", "\u72ac\u304c\u8d70\u308b\u3002", "\u30ab\u30bf\u30ab\u30ca", "\uff76\uff80\uff76\uff85", "\uace0\uc591\uc774\uac00 \uc794\ub2e4.", "\u314e\u314e\u314e", "\u1112\u1161\u11ab",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd", "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\u0633\u0644\u0627\u0645", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u09a8\u09ae\u09b8\u09cd\u0995\u09be\u09b0", "\u0bb5\u0ba3\u0b95\u0bcd\u0b95\u0bae\u0bcd", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0f56\u0f7c\u0f51\u0f0b", "\u1019\u103c\u1014\u103a\u1019\u102c", "\u179f\u17bd\u179f\u17d2\u178f\u17b8", "\u12a0\u121b\u122d\u129b",
    "\u13e3\u13b3\u13a9", "\U00010330\U00010331", "\U0001d400\U0001d401", "\u1680\u1681", "\u16a0\u16b1",
    "\U0001f600", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "\U0001f9d1\u200d\U0001f680 goes", "ok \U0001f602\U0001f602", "\u2603 snow", "\u2192 \u2190 \u2194", "\u221a2 \u2248 1.41", "\u222b\u2211\u220f",
    "\u00a0nbsp", "a\u00a0b", "zero\u200bwidth", "a\u200db", "\ufeffbom", "soft\u00adhyphen", "a\u0301 combining", "e\u0323\u0302", "\u202eright to left", "\uff21\uff22\uff23 full width", "\u2581", "a\u2581b", "\u2581\u2581 two",
    "\ufffd", "\u0000", "a\u0000b", "\u0001\u0002", "\u001b[31mred", "\u007f", "\ue000 private", "\uffff", "\U0010ffff",
    "\n", "\n\n", "\t", "\r\n", "a\nb", "a\n\nb", "a\tb", "a\r\nb", " ", "  ", "   ", "        ", " a", "  a", "a ", "a  ", "a  b", "a   b",
    " \n ", "\n a", "a \nb", "- one\n- two\n- three", "1. a\n2. b", "| a | b |\n|---|---|", "    indented\n        more",
    "</s>", "<s>", "<unk>", "<0x0A>", "<image>", "###", "### Human:", "USER:", "ASSISTANT:", "[INST]", "<<SYS>>", "<|im_start|>", "<|im_end|>", "<pad>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabc", "!!!!????....", "--------", "========", "\u2026", "\u2014 dash \u2013", "\u201cquote\u201d \u2018q\u2019",
]


def strings():
    texts = list(BASE)
    for i, text in enumerate(BASE):  # the same in other surroundings: merges and the first blank depend on them
        texts.append([" " + text, text + "\n", "\n" + text, text + " " + BASE[(i * 7 + 3) % len(BASE)], text + text][i % 5])
    rng = random.Random(7)
    for _ in range(40):
        texts.append("".join(rng.choice(BASE) + rng.choice(["", " ", "\n", ", "]) for _ in range(rng.randint(2, 9))))
    return list(dict.fromkeys(texts))


def chunk_ids(sp, text):
    ids = [sp.bos_id()]
    for run in re.split(r"(<image>|</s>|<s>)", text):
        special = {"<image>": IMAGE, "</s>": sp.eos_id(), "<s>": sp.bos_id()}.get(run)
        ids += [special] if special is not None else sp.encode(run)
    return ids


def main():
    sp = sentencepiece.SentencePieceProcessor(model_file=str(HERE / "test_tokenizer.model"))
    size = sp.get_piece_size()
    rng = random.Random(11)
    decode = [[], [0], [1, 2], [1, 259], [0, 259]]
    for _ in range(400):
        pool = rng.choice([range(size), range(3, 259), range(259, size), [0, 1, 2, 13, 199, 200, 232, 235, 262, 300, 400]])
        decode.append([rng.choice(list(pool)) for _ in range(rng.randint(1, 14))])
    for text in BASE[::3]:  # bytes of real characters, cut at the ends
        ids = sp.encode(text)
        decode += [ids[1:], ids[:-1], ids + [2], [1] + ids]
    rows = json.loads((HERE / "templates.json").read_text())["rows"]
    goldens = {
        "pieces": size,
        "encode": [{"text": text, "ids": sp.encode(text)} for text in strings()],
        "decode": [{"ids": ids, "text": sp.decode(ids) if ids else ""} for ids in decode],
        "prompts": {key: {"open": chunk_ids(sp, row["open"]), "closed": chunk_ids(sp, row["closed"])} for key, row in rows.items()},
    }
    (HERE / "goldens.json").write_text(json.dumps(goldens, ensure_ascii=True, separators=(",", ":")).replace('},{', '},\n{') + "\n")
    print(len(goldens["encode"]), "texts,", len(goldens["decode"]), "id lists,", len(goldens["prompts"]), "templates")


if __name__ == "__main__":
    main()
