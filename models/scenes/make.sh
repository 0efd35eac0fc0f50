#!/bin/sh
# Makes everything in this folder from nothing: tokenizer, bases, model, held-out set, examples, figures.
# Needs Python with torch, transformers, sentencepiece, numpy and pillow (versions in README.md); about
# two and a half hours on one core. PYTHON names the interpreter.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}

# One thread. glibc keeps freed memory: given back at every step it costs more than the arithmetic.
export OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_TOP_PAD_=200000000

$python make_tokenizer.py
$python train_tower.py
$python train_text.py
$python train.py --stage 1

# Stage 2 in rounds, each with fresh moments, a warm-up and dialogues of its own: what stands still in one round moves in the next.
last=../../.cache/scenes/stage2.pt
$python train.py --stage 2 --steps 900 --constant
$python train.py --stage 2 --steps 1900 --constant --start $last --first 100000
$python train.py --stage 2 --steps 9500 --start $last --first 700000
$python train.py --stage 2 --steps 4500 --lr 8e-4 --start $last --first 1400000
$python export.py
$python make_heldout.py
$python make_examples.py
$python evaluate.py --json figures.json
