#!/usr/bin/env python3
"""Asks transformers which tie_word_embeddings counts, with and without an lm_head in the file: what README.md reports.

    ~/.cache/libllava/oracle-venv/bin/python tests/checkpoints/ties.py
"""

import itertools
import json
import pathlib
import shutil
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools" / "reference"))

from models import open_model  # noqa: E402
from run import prepare_torch  # noqa: E402

SOURCE = HERE / "golden" / "hf_ties"


def head_of(folder, head, table):
    found = open_model(folder).lm_head.weight
    return "the file's head" if torch.equal(found, head) else "the embeddings" if torch.equal(found, table) else "random numbers"


def main():
    prepare_torch()
    config = json.loads((SOURCE / "config.json").read_text(encoding="utf-8"))
    tensors = load_file(SOURCE / "model.safetensors")
    head_name, table_name = "language_model.lm_head.weight", "language_model.model.embed_tokens.weight"
    head, table = tensors[head_name].float(), tensors[table_name].float()
    for above, inside, has_head in itertools.product((None, True, False), (None, True, False), (True, False)):
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work) / "m"
            shutil.copytree(SOURCE, folder)
            changed = json.loads(json.dumps(config))
            for section, value in ((changed, above), (changed["text_config"], inside)):
                section.pop("tie_word_embeddings", None)
                if value is not None:
                    section["tie_word_embeddings"] = value
            (folder / "config.json").write_text(json.dumps(changed), encoding="utf-8")
            kept = {name: tensor for name, tensor in tensors.items() if has_head or name != head_name}
            save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
            print(f"above {above}, text_config {inside}, lm_head {'stored' if has_head else 'absent'}: {head_of(folder, head, table)}")


if __name__ == "__main__":
    main()
