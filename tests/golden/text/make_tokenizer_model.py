#!/usr/bin/env python3
"""Trains the test tokenizer: sentencepiece BPE with byte fallback, set up as LLaMA's was, on a corpus that stands here.

    python make_tokenizer_model.py           (sentencepiece 0.2.1; one thread, so the same bytes each time)

writes test_tokenizer.model beside this script. The merges are small (about 900 pieces), the rules are LLaMA's: identity
normaliser, dummy prefix, single digits, blanks kept, 256 byte pieces after <unk>, <s>, </s>."""
import io
import pathlib

import sentencepiece

HERE = pathlib.Path(__file__).resolve().parent

THINGS = "dog cat horse bird boat train tree house street table chair window lamp bottle apple banana phone ball car bus kite river bridge hill".split()
COLOURS = "red green blue yellow white black brown orange purple grey".split()
PLACES = ["on the left", "on the right", "in the middle", "near the water", "behind the fence", "under the tree", "at the top of the picture"]
VERBS = "sees holds carries watches follows paints finds wants shows".split()

CHAT = """A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the human's questions.
A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.
USER: What is shown in this image? ASSISTANT: The picture shows a street in the morning.
USER: How many people are there? ASSISTANT: There are two people, one with a red coat.
Human: What is unusual about this image? Assistant: The chair stands on the roof of the house.
### Human: Describe the following image. ### Assistant: It is raining, and a boat waits near the bridge.
You are a helpful language and vision assistant. Answer the questions. Be honest.
[INST] <<SYS>> <</SYS>> [/INST] What colour is the lamp? It is green.
The visual content will be provided with the following format.
user assistant system picture image question answer word line text prompt
Can you tell me where the ball is? Yes, the ball is under the table. No, I can not see it.
If it does not make any sense, explain why instead of saying something that is not correct.
"""

OTHER = """Le chat dort près de la fenêtre, et l'été est déjà là. Où est la gare ? Ça va très bien, merci.
Der Hund läuft über die Straße, während die Kinder im Garten spielen. Größe, Öl, Übung, Äpfel.
El niño pequeño mira la montaña desde la ventana. ¿Dónde está el perro? ¡Mañana será otro día!
Собака бежит по улице, а кошка спит на окне. Что ты видишь на картинке? Это красный дом.
Η γάτα κοιμάται κοντά στο παράθυρο και ο σκύλος τρέχει στον δρόμο.
猫在窗边睡觉。图片里有什么?这是一座红色的房子。我看见两个人。
犬が通りを走っています。写真には何が見えますか。これは赤い家です。
고양이가 창가에서 잔다. 사진에 무엇이 보이나요?
"""

CODE = """for (int i = 0; i < n; ++i) { sum += a[i]; }
    return sum / 2.0;
def area(width, height):
        return width * height  # square
x = 3.14, y = 2, z = 10; https://example.org/page?id=42
"""


def corpus():
    lines = [line for block in (CHAT, OTHER, CODE) for line in block.splitlines() for _ in range(6)]
    for i, thing in enumerate(THINGS):
        for j, colour in enumerate(COLOURS):
            place = PLACES[(i * 3 + j) % len(PLACES)]
            other = THINGS[(i * 7 + j * 5 + 1) % len(THINGS)]
            verb = VERBS[(i + 2 * j) % len(VERBS)]
            lines.append(f"The {colour} {thing} is {place}, and a child {verb} the {other}.")
            lines.append(f"Is there a {colour} {other}? There are {(i * j) % 13 + 1} of them, {place}.")
    return lines


def main():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_writer=model, model_type="bpe", vocab_size=900, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True, split_digits=True,
        allow_whitespace_only_pieces=True, character_coverage=0.985, num_threads=1, minloglevel=2,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    (HERE / "test_tokenizer.model").write_bytes(model.getvalue())
    print(len(model.getvalue()), "bytes")


if __name__ == "__main__":
    main()
