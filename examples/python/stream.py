"""Two answers at once, word by word, with asyncio: stream.py MODEL PICTURE QUESTION QUESTION"""

import asyncio
import sys

import llava


async def answer(model: llava.Model, picture: llava.Embedding, question: str) -> str:
    with model.session() as session:
        text = ""
        async for event in session.stream(question, picture, temperature=0):
            if event.text:
                text += event.text
                print(f"{question:40} {text!r}", flush=True)
        return text


async def main(folder: str, picture: str, questions: list[str]) -> None:
    with await asyncio.to_thread(llava.load, folder) as model:
        encoded = model.encode(picture)  # once, for both
        answers = await asyncio.gather(*(answer(model, encoded, question) for question in questions))
    for question, text in zip(questions, answers, strict=True):
        print(f"{question} {text}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
