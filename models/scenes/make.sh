#!/bin/sh
# Makes everything in this folder from nothing: tokenizer, bases, model, held-out set, examples, figures; the JSON files
# besides config.json and figures.json (token ids, picture sizes) are as they were written by hand. The bases are
# trained with torch, the LLaVA's two stages with the command `llava`. PYTHON names an interpreter with torch, transformers,
# sentencepiece, numpy and pillow (versions in README.md), LLAVA the command, WORK a folder for 700 MB of pictures and runs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
llava=$(realpath "${LLAVA:-$here/../../build/bin/llava}") work=$(realpath -m "${WORK:-$here/../../build/scenes}")
[ -x "$llava" ] || { echo "make.sh: $llava is not there; build it, or name it in LLAVA" >&2; exit 2; }
cd "$here"

# One thread. glibc keeps freed memory: given back at every step it costs more than the arithmetic.
export OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_TOP_PAD_=200000000

$python make_tokenizer.py
$python train_tower.py
$python train_text.py
unset OMP_NUM_THREADS MALLOC_MMAP_MAX_ MALLOC_TRIM_THRESHOLD_ MALLOC_TOP_PAD_

$python talk.py --small --captions --count 16000 --out "$work/captions"
$python talk.py --small --count 100000 --out "$work/dialogues"
mkdir -p "$work/base"
cp text-base/* tokenizer.model tokenizer_config.json special_tokens_map.json preprocessor_config.json "$work/base"
"$llava" train "$work/base" --stage 1 --preset custom --vision-tower vision-base --new-projector mlp2x_gelu --out "$work/stage1" \
  --data "$work/captions/data.json" --images "$work/captions/images" --batch 16 --micro-batch 16 --set beta2=0.98 --lr 2e-3
"$llava" train "$work/stage1" --stage 2 --preset custom --out "$work/stage2" --save-every 1000 \
  --data "$work/dialogues/data.json" --images "$work/dialogues/images" --batch 16 --micro-batch 16 --set beta2=0.98 --lr 1e-3
cp "$work/stage2/config.json" "$work/stage2/model.safetensors" .

$python make_heldout.py
$python make_examples.py
$python evaluate.py --json figures.json
