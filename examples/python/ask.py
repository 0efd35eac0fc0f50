"""Questions about one picture, answered word by word: ask.py MODEL PICTURE QUESTION..."""

import sys

import llava

with llava.load(sys.argv[1]) as model, model.session() as session:
    picture = llava.Image(sys.argv[2])
    for number, question in enumerate(sys.argv[3:]):
        with session.stream(question, picture if number == 0 else None) as stream:  # it comes with the first question
            for event in stream:
                print(event, end="", flush=True)
            print(f"\n  ({stream.response.usage.tokens_per_second:.0f} tokens/s)")
