"""What stream_cost.c measures, through the Python package: stream_cost.py MODEL ROUNDS"""

import sys
import time

import llava

TOKENS = 300


def one_round(session: llava.Session) -> float:
    session.reset()
    with session.stream("hi", ignore_eos=True, temperature=0, max_tokens=TOKENS) as stream:
        begin = time.thread_time()
        for event in stream:
            _ = event.text
        return (time.thread_time() - begin) / TOKENS * 1e6


llava.set_threads(1)
with llava.load(sys.argv[1]) as model, model.session() as session:
    print(f"{min(one_round(session) for _ in range(int(sys.argv[2]))):.2f}")
