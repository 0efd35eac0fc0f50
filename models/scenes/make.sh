#!/bin/sh
# Makes everything in this folder from nothing: tokenizer, bases, model, held-out set, examples, figures.
# Needs Python with torch, transformers, sentencepiece, numpy and pillow (versions in README.md); about
# two hours on one core. PYTHON names the interpreter.
set -eu
cd "$(dirname "$0")"
python=${PYTHON:-python3}

# One thread. glibc keeps freed memory: given back at every step it costs more than the arithmetic.
export OMP_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_TOP_PAD_=200000000

$python make_tokenizer.py
$python train_tower.py --steps 1800
$python train_tower.py --steps 1600 --first 1800 --again
$python train_text.py --steps 1500
$python train.py --stage 1 --steps 400
$python train.py --stage 2 --steps 9000
$python export.py
$python make_heldout.py
$python make_examples.py
$python evaluate.py --json figures.json
