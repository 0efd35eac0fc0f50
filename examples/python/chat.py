"""A conversation about pictures in the terminal: chat.py MODEL [PICTURE ...]"""

import sys

import llava


def asked() -> str:
    """A line; an empty one ends the conversation, as Ctrl-D does. Ctrl-C at the prompt only begins a new one."""
    while True:
        try:
            return input("> ").strip()
        except KeyboardInterrupt:
            print()
        except EOFError:
            return ""


def main(folder: str, pictures: list[str]) -> None:
    with llava.load(folder) as model, model.session() as session:
        print(f"{model}\nEmpty line: end. /again: another answer. Ctrl-C: stop the answer.")
        images = [llava.Image(picture) for picture in pictures]  # they come with the first question
        question = ""
        while line := asked():
            if line == "/again" and question:
                session.rewind(session.stats.turns - 2)
                images = [llava.Image(picture) for picture in pictures] if session.stats.turns == 0 else []
            else:
                question = line
            try:
                with session.stream(question, images) as stream:
                    for event in stream:
                        print(event, end="", flush=True)
                images = []
            except KeyboardInterrupt:  # the session is as it was before the question
                print(" (stopped)", end="")
            except llava.ContextFullError as error:
                print(error, end="")
            print()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
