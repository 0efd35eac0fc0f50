"""Makes the model directory (Hugging Face format, bfloat16) from a checkpoint of stage 2.

    python export.py --checkpoint ../../.cache/scenes/stage2.pt
"""

import argparse
import json
import pathlib

import torch
from transformers import CLIPImageProcessor, GenerationConfig, LlavaConfig, LlavaForConditionalGeneration
from transformers import CLIPVisionModel

from llama import POSITIONS, config
from prompt import BOS, EOS, FOLDER, PATCHES, Prompter
from train import WORK


def model_config(prompter):
    tower = CLIPVisionModel.from_pretrained(FOLDER / "vision-base").config
    return LlavaConfig(vision_config=tower, text_config=config(prompter.vocabulary), image_token_index=prompter.image,
                       pad_token_id=prompter.pad, bos_token_id=BOS, eos_token_id=EOS, projector_hidden_act="gelu",
                       vision_feature_layer=-2, vision_feature_select_strategy="default", image_seq_length=PATCHES,
                       tie_word_embeddings=False, multimodal_projector_bias=True)


def weights(checkpoint):
    """The checkpoint under transformers' names; the tower comes whole from vision-base, which training left as it was."""
    tower = CLIPVisionModel.from_pretrained(FOLDER / "vision-base").state_dict()
    result = {"model.vision_tower." + name: value for name, value in tower.items()}
    for name, value in checkpoint.items():
        part, rest = name.split(".", 1)
        if part == "language":
            result[("model.language_" + rest) if rest.startswith("model") else rest] = value
        elif part == "projector":
            layer, kind = rest.split(".")
            result[f"model.multi_modal_projector.linear_{1 if layer == '0' else 2}.{kind}"] = value
    return result


def write(name, value):
    (FOLDER / name).write_text(json.dumps(value, indent=2) + "\n")


def write_tokenizer(prompter):
    def added(text):
        return {"content": text, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    names = {0: "<unk>", BOS: "<s>", EOS: "</s>", prompter.image: "<image>", prompter.pad: "<pad>"}
    write("tokenizer_config.json", {
        "tokenizer_class": "LlamaTokenizer", "processor_class": "LlavaProcessor", "legacy": True,
        "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "image_token": "<image>", "clean_up_tokenization_spaces": False,
        "model_max_length": POSITIONS, "padding_side": "left", "use_default_system_prompt": False, "sp_model_kwargs": {},
        "added_tokens_decoder": {str(i): added(text) for i, text in names.items()}})
    write("special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"})
    write("added_tokens.json", {"<image>": prompter.image, "<pad>": prompter.pad})


def write_processor():
    CLIPImageProcessor(size={"shortest_edge": 84}, crop_size={"height": 84, "width": 84},
                       processor_class="LlavaProcessor").save_pretrained(FOLDER)
    write("processor_config.json", {"image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": 14,
                                    "processor_class": "LlavaProcessor", "vision_feature_select_strategy": "default"})


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--checkpoint", type=pathlib.Path, default=WORK / "stage2.pt")
    options = options.parse_args()
    prompter = Prompter()
    model = LlavaForConditionalGeneration(model_config(prompter))
    model.load_state_dict(weights(torch.load(options.checkpoint)))
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=128, bos_token_id=BOS, eos_token_id=EOS,
                                               pad_token_id=prompter.pad)
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    write_tokenizer(prompter)
    write_processor()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters in {FOLDER}")


if __name__ == "__main__":
    main()
