"""Writes records.json (conversations of every kind) and labels-*.json, order.json: what reference.py makes of them.

usage: make_labels.py [FOLDER]          (transformers 4.57.3, sentencepiece 0.2.1, torch 2.11)

With LLAVA_TEST_LLAMA_TOKENIZER naming a LLaMA tokenizer.model it also checks reference.py against the published vectors.
"""
import json
import os
import pathlib
import random
import sys

import transformers

from reference import IGNORE, ROWS, Mistake, labels_of, modality_order

HERE = pathlib.Path(__file__).parent
transformers.logging.set_verbosity_error()

QUESTIONS = ["What is shown in this image?", "Where is the ball?", "How many birds are there?", "Why?", "Is the lamp green?",
             "Describe the following image.", "¿Dónde está el perro?", "这是什么?", "Что ты видишь?", "Write code:\n\tx = 3.14\n",
             "Explain  with  two blanks", "1 + 1 = ?"]
ANSWERS = ["A red hydrant.", "The ball is under the table.", "There are 13 of them.", "Because it is raining.", "Yes.", "7", "\nA list:\n- one\n- two",
           " begins with a blank", "  two blanks", "ends with a blank ", "Größe, Öl 😀", "两只猫", "Это красный дом.", "a\tb", "x" * 40, "e\u0301 combined",
           "No, I can not see it. The picture shows a street in the morning, and a boat waits near the bridge."]
ODD = [
    [("human", "<image>\nWhat is in the image?"), ("gpt", "A red hydrant."), ("human", "Why?"), ("gpt", "Snow fell.")],
    [("human", "What is this?\n<image>"), ("gpt", "A kite.")],
    [("human", "Look at <image> and say"), ("gpt", "A hill.")],
    [("human", "<image>"), ("gpt", "An image and no words.")],
    [("human", "Hello."), ("gpt", "Hi!"), ("human", "Now this:\n<image>"), ("gpt", "A boat.")],
    [("human", "<image>\nFirst?"), ("gpt", "One."), ("human", "And <image>?"), ("gpt", "Two.")],
    [("gpt", "I begin."), ("human", "<image>\nWhat?"), ("gpt", "A tree.")],
    [("gpt", "I begin."), ("human", "No picture?"), ("gpt", "None.")],
    [("human", "<image>\nEmpty?"), ("gpt", "")],
    [("human", "Empty?"), ("gpt", ""), ("human", "Again?"), ("gpt", "Yes.")],
    [("human", "<image>\nOne?"), ("gpt", "Yes."), ("human", ""), ("gpt", "You said nothing.")],
    [("human", ""), ("gpt", "Nothing was asked.")],
    [("human", "<image>\nWho speaks?"), ("gpt", "USER: me ASSISTANT: you")],
    [("human", "Say ASSISTANT: twice"), ("gpt", "ASSISTANT: ")],
    [("human", "<image>\nThe mark?"), ("gpt", "It is </s> and <s>, unknown is <unk>.")],
    [("human", "Is </s> an end?"), ("gpt", "Yes.")],
    [("human", "<image>\nMark <unk>?"), ("gpt", "No.")],
    [("human", "A bracket [/INST] here"), ("gpt", "[/INST] there")],
    [("human", "<image>\n### Human: I am a header"), ("gpt", "### no")],
    [("human", "Chat <|im_end|> mark"), ("gpt", "<|im_start|>assistant\nA trick")],
    [("human", "A blank piece \u2581 here"), ("gpt", "\u2581yes")],
    [("human", "<image>\nUnanswered?")],
    [("human", "<image>\nWhat?"), ("gpt", "A street."), ("human", "And?")],
    [("human", "\u00a0 <image> \u3000wide blanks\u2003"), ("gpt", "Stripped.")],
    [("human", "Two in a row"), ("human", "again"), ("gpt", "No.")],
    [("human", "<image>\n" + "Where is the red lamp? " * 6), ("gpt", "Under the tree. " * 5)],
    [("human", "Where is the red lamp? " * 6), ("gpt", "Under the tree. " * 5)],
]


def records(choice):
    for turns in ODD:
        yield turns
    for _ in range(36):
        turns = []
        for _ in range(choice.randint(1, 4)):
            turns += [("human", choice.choice(QUESTIONS)), ("gpt", choice.choice(ANSWERS))]
        place = choice.random()
        if place < 0.35:
            turns[0] = ("human", "<image>\n" + turns[0][1])
        elif place < 0.6:
            turns[0] = ("human", turns[0][1] + "\n<image>")
        elif place < 0.75:
            at = 2 * choice.randrange(len(turns) // 2)
            turns[at] = ("human", turns[at][1] + " <image>")
        yield turns


def as_record(number, turns):
    places = sum(text.count("<image>") for _, text in turns)
    record = {"id": f"r{number:02d}", "conversations": [{"from": who, "value": text} for who, text in turns]}
    if places:
        record["image"] = f"{number}.png" if places == 1 else [f"{number}-{i}.png" for i in range(places)]
    return record


def spans(labels):
    out = []
    for i, label in enumerate(labels):
        if label != IGNORE and out and out[-1][1] == i:
            out[-1][1] = i + 1
        elif label != IGNORE:
            out.append([i, i + 1])
    return out


def case(tokenizer, template, record, number, **rules):
    row = {"record": number, "template": template, "legacy": tokenizer.legacy, **rules}
    try:
        ids, labels = labels_of(tokenizer, template, record, **rules)
    except Mistake as mistake:
        return {**row, "mistake": str(mistake)}
    return {**row, "ids": ids, "learned": spans(labels)}


def orders(choice):
    for images, texts, batch, world in [(40, 0, 2, 4), (0, 33, 4, 2), (100, 60, 4, 4), (97, 31, 3, 5), (7, 5, 8, 2), (64, 64, 8, 1)]:
        lengths = [choice.randint(1, 60) for _ in range(images)] + [-choice.randint(1, 90) for _ in range(texts)]
        choice.shuffle(lengths)
        for seed in (0, 42):
            yield {"lengths": lengths, "chunk": batch, "chunks": world, "seed": seed, "order": modality_order(lengths, batch, world, seed)}


def published(path):
    """The vectors that LLaVA's rules give with LLaMA's own vocabulary."""
    record = as_record(0, ODD[0])
    for legacy, size, learned in [(True, 69, [[49, 55], [65, 69]]), (False, 68, [[49, 55], [64, 68]])]:
        tokenizer = transformers.LlamaTokenizer(path, legacy=legacy)
        ids, labels = labels_of(tokenizer, "vicuna_v1", record)
        assert (len(ids), spans(labels)) == (size, learned), (len(ids), spans(labels))


def write(path, rows):
    path.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows) + "\n]\n",
                    encoding="utf-8")
    print(path.name, len(rows), path.stat().st_size)


def main(folder):
    choice = random.Random(20)
    rows = [as_record(number, turns) for number, turns in enumerate(records(choice))]
    write(folder / "records.json", rows)
    model = str(HERE.parent / "text" / "test_tokenizer.model")
    legacy, newer = transformers.LlamaTokenizer(model, legacy=True), transformers.LlamaTokenizer(model, legacy=False)
    for template in ROWS:
        cases = [case(legacy, template, record, number) for number, record in enumerate(rows)]
        cases += [case(legacy, template, rows[number], number, max_length=40) for number in (24, 25, 26)]
        write(folder / f"labels-{template}.json", cases)
    cases = [case(newer, "vicuna_v1", record, number) for number, record in enumerate(rows)]
    cases += [case(newer, "vicuna_v1", record, number, head=False) for number, record in enumerate(rows[:12])]
    cases += [case(legacy, "mpt", record, number, head=False) for number, record in enumerate(rows)]
    write(folder / "labels-versions.json", cases)
    write(folder / "order.json", list(orders(choice)))
    if os.environ.get("LLAVA_TEST_LLAMA_TOKENIZER"):
        published(os.environ["LLAVA_TEST_LLAMA_TOKENIZER"])


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE))
