"""Makes the model directory (Hugging Face format, bfloat16) from a checkpoint of stage 2.

    python export.py --checkpoint ../../.cache/scenes/stage2.pt
"""

import argparse
import json
import pathlib

import torch
from transformers import (CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, GenerationConfig, LlavaConfig,
                          LlavaForConditionalGeneration)

from llama import POSITIONS, config
from prompt import BOS, EOS, FOLDER, PATCHES, Prompter
from train import WORK, Llava


def model_config(prompter):
    tower = CLIPVisionConfig.from_pretrained(FOLDER / "vision-base")
    return LlavaConfig(vision_config=tower, text_config=config(prompter.vocabulary), image_token_index=prompter.image,
                       pad_token_id=prompter.pad, bos_token_id=BOS, eos_token_id=EOS, projector_hidden_act="gelu",
                       vision_feature_layer=-2, vision_feature_select_strategy="default", image_seq_length=PATCHES,
                       tie_word_embeddings=False, multimodal_projector_bias=True)


def weights(model):
    """The weights under transformers' names; the tower comes whole from vision-base, which training left as it was."""
    tower = CLIPVisionModel.from_pretrained(FOLDER / "vision-base").state_dict()
    result = {"model.vision_tower." + name: value for name, value in tower.items()}
    for name, value in model.language.state_dict().items():
        result[name.replace("model.", "model.language_model.", 1) if name.startswith("model.") else name] = value
    for name, value in model.projector.folded().items():
        result["model.multi_modal_projector." + name] = value
    return result


def write(name, value):
    (FOLDER / name).write_text(json.dumps(value, indent=2) + "\n")


def write_json():
    """What save_pretrained leaves out of its files: defaults that other readers should see, and the older key of the
    dtype. What it puts in too much: the place of vision-base on this machine."""
    config = json.loads((FOLDER / "config.json").read_text())
    config["vision_config"].pop("_name_or_path", None)
    config["vision_config"].pop("dtype", None)
    write("config.json", config | {"torch_dtype": "bfloat16"})
    generation = json.loads((FOLDER / "generation_config.json").read_text())
    write("generation_config.json", generation | {"do_sample": False})


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
    write("processor_config.json", {"image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": 28,
                                    "processor_class": "LlavaProcessor", "vision_feature_select_strategy": "default"})


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--checkpoint", type=pathlib.Path, default=WORK / "stage2.pt")
    options = options.parse_args()
    prompter = Prompter()
    trained = Llava(prompter)
    trained.load_state_dict(torch.load(options.checkpoint))
    model = LlavaForConditionalGeneration(model_config(prompter))
    model.load_state_dict(weights(trained))
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=128, bos_token_id=BOS, eos_token_id=EOS,
                                               pad_token_id=prompter.pad)
    model.to(torch.bfloat16).save_pretrained(FOLDER)
    write_json()
    write_tokenizer(prompter)
    write_processor()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters in {FOLDER}")


if __name__ == "__main__":
    main()
