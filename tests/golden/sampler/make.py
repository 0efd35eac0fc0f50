#!/usr/bin/env python3
"""Makes expected.json: what transformers' processors make of logits, in the order generate() puts them in.

    ~/.cache/libllava/oracle-venv/bin/python tests/golden/sampler/make.py

Packages as in tools/oracle-requirements.txt (transformers 4.57.3). The list of processors is the one that
GenerationMixin._get_logits_processor builds, so their order is transformers' own. For each case:

    options    as SamplingOptions names them; "forbidden" is bad_words_ids of one token each
    history    ids of prompt and answer so far
    logits     f32
    logprobs   log-softmax after biases, penalty and forbidden ids, before the warpers; null: forbidden
    probs      after temperature, top-k, top-p, min-p

Deterministic. Tolerance of the test: 2e-5 on log-probabilities (f32 sums in another order), 0.015 on frequencies of
20000 draws (four standard deviations), and no draw at all where the probability is 0.
"""

import json
import pathlib

import torch
from transformers import GenerationConfig, GenerationMixin, LogitsProcessorList
from transformers.generation.logits_process import LogitsProcessor

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY = 12
WARPERS = ("Temperature", "TopK", "TopP", "MinP")

# a bias is seen by the penalty: +6 on id 4 makes a negative logit positive, so it is divided and not multiplied
CASES = [
    {"temperature": 1.0},
    {"temperature": 0.7},
    {"temperature": 1.0, "repetition_penalty": 1.8},
    {"temperature": 1.0, "logit_bias": {"4": 6.0, "1": -3.0}},
    {"temperature": 1.0, "repetition_penalty": 1.8, "logit_bias": {"4": 6.0, "1": -3.0, "9": 0.5}},
    {"temperature": 1.3, "repetition_penalty": 0.6, "logit_bias": {"4": 6.0, "2": 2.5}, "forbidden": [3, 9]},
    {"temperature": 1.0, "top_k": 4},
    {"temperature": 1.0, "top_p": 0.8},
    {"temperature": 2.5, "top_p": 0.8},
    {"temperature": 1.0, "min_p": 0.12},
    {"temperature": 1.6, "top_k": 6, "top_p": 0.85, "min_p": 0.1, "repetition_penalty": 1.3, "logit_bias": {"5": 2.0}},
    {"temperature": 0.4, "top_k": 11, "top_p": 0.99},
]


class Bare(GenerationMixin):
    """No model: only what builds the list of processors."""


def processors(case):
    config = GenerationConfig(
        do_sample=True, temperature=case.get("temperature"), top_k=case.get("top_k", 0), top_p=case.get("top_p", 1.0),
        min_p=case.get("min_p"), repetition_penalty=case.get("repetition_penalty"),
        sequence_bias=[[[int(key)], value] for key, value in case.get("logit_bias", {}).items()] or None,
        bad_words_ids=[[each] for each in case.get("forbidden", [])] or None)
    config._eos_token_tensor = None
    return Bare()._get_logits_processor(config, input_ids_seq_length=5, logits_processor=LogitsProcessorList(), device="cpu",
                                        model_kwargs={})


def expected(case, history, logits):
    chain = processors(case)
    names = [type(each).__name__ for each in chain]
    first_warper = next((i for i, name in enumerate(names) if name.startswith(WARPERS)), len(names))
    ids, scores = torch.tensor([history]), torch.tensor([logits])
    for each in chain[:first_warper]:
        assert isinstance(each, LogitsProcessor)
        scores = each(ids, scores)
    logprobs = torch.log_softmax(scores[0].double(), -1).tolist()
    for each in chain[first_warper:]:
        scores = each(ids, scores)
    probs = torch.softmax(scores[0].double(), -1).tolist()
    return {"processors": names, "options": case, "history": history, "logits": logits,
            "logprobs": [None if value == float("-inf") else round(value, 8) for value in logprobs],
            "probs": [round(value, 8) for value in probs]}


def main():
    generator = torch.Generator().manual_seed(20)
    cases = []
    for case in CASES:
        logits = [round(value, 4) for value in (torch.randn(VOCABULARY, generator=generator) * 2).tolist()]
        logits[4] = -1.25  # see above
        cases.append(expected(case, [1, 4, 7, 4, 2], logits))
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "expected.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
