#!/usr/bin/env bash
# The conversation of README.md beside this file, as far as the command goes:
#   conversation.sh LLAVA INTERRUPT MODEL PICTURES WORK
# INTERRUPT is what interrupt.c was compiled to. Lines come in the order of the other languages'.
set -euo pipefail
[ $# = 5 ] || { echo "usage: conversation.sh LLAVA INTERRUPT MODEL PICTURES WORK" >&2; exit 2; }
llava=$1 interrupt=$2 model=$3 pictures=$4 work=$5
how='How many shapes are there?' describe='Describe the picture.'
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

fail() { echo "conversation.sh: $*" >&2; exit 1; }

field() { # field JSON-KEY TEXT: a text, number or list of numbers; the answers here hold no quote and no backslash
  sed -E 's/.*"'"$1"'":("([^"]*)"|\[([^]]*)\]|([0-9]+)).*/\2\3\4/; s/,/ /g' <<<"$2"
}

ask() { # ask OPTIONS…: a dialogue, or with --prompt one answer
  "$llava" chat "$model" --greedy "$@"
}

interrupted() { # interrupted N OPTIONS…: the same, with Ctrl-C when N writes are done
  LD_PRELOAD=$interrupt LLAVA_INTERRUPT_AT=$1 ask "${@:2}"
}

say() { # say NAME OPTIONS…: the seven lines of an answer
  local name=$1 json
  json=$(ask --json "${@:2}")
  printf '%s\n' "$name.text: $(sed -E 's/.*"text":"([^"]*)".*/\1/' <<<"$json")" "$name.ids: $(field token_ids "$json")" \
    "$name.finish: $(field finish_reason "$json")" "$name.prompt: $(field prompt_tokens "$json")" \
    "$name.pictures: $(field image_tokens "$json")" "$name.cached: $(field cached_tokens "$json")" \
    "$name.completion: $(field completion_tokens "$json")"
}

many_undo() { printf '/undo\n%.0s' {1..9}; } # each takes a question and its answer back, or says that there is none
turns() { echo "$1.turns: $((2 * (9 - $(grep -c '^nothing to undo$' <<<"$2" || true))))"; }

say turn1 --max-tokens 64 --image "$pictures/dotted.png" --prompt "$how"

saved="$work/Gespräch 💬 対話.session"
mapfile -t lines < <(printf '%s\n' "/image $pictures/dotted.png" "$how" "Describe the picture. 🔴 絵" "/image $pictures/striped.png" \
  "$how" /undo "/image $pictures/striped.png" 'Is there a cross?' "/save $saved" | ask --max-tokens 64)
printf '%s\n' "turn2.text: ${lines[2]}" "turn3.text: ${lines[4]}" "rewind.text: ${lines[6]}"
told=$({ printf '%s\n' "$describe" "/save $place/fork"; many_undo; } | ask --history "$saved" --max-tokens 64)
echo "fork.text: ${told%%$'\n'*}"
turns fork "$told"

# Ctrl-C in the middle of a dialogue's answer keeps what was said …
told=$({ printf '%s\n' "$describe" "/save $place/keep"; many_undo; } | interrupted 3 --history "$place/fork" --max-tokens 64)
kept=${told%%$'\n'*}
[[ $kept == *' [stopped]' ]] || fail "an answer with Ctrl-C in it is '$kept', expected ' [stopped]' at its end"
printf '%s\n' "keep.text: ${kept% \[stopped]}" "keep.finish: cancelled"
turns keep "$told"
# … in that of --prompt it ends the command, without a deadline only so with 5 …
code=0
interrupted 2 --history "$place/keep" --max-tokens 64 --prompt "$describe" >"$place/said" 2>"$place/told" || code=$?
[ $code = 5 ] && grep -q '^llava: cancelled' "$place/told" || fail "Ctrl-C ended with $code, expected 5: $(cat "$place/told")"
[ -s "$place/said" ] || fail "nothing was said before Ctrl-C"
echo "rollback.status: CANCELLED"
# … and before the first word the question is as if it had not been asked.
told=$({ printf '%s\n' "/image $pictures/dotted.png" "$describe"; many_undo; } |
  interrupted 1 --history "$place/keep" --max-tokens 64 2>"$place/told")
grep -q '^llava: cancelled' "$place/told" || fail "Ctrl-C before the first word: $(cat "$place/told")"
echo "at_once.status: CANCELLED"
turns at_once "$told"

ids=$(field ids "$("$llava" tokens "$model" --template none --prompt 🙂 --json)")
ids=${ids#* } # that of the beginning
echo "emoji.tokenized: $ids"
read -r -a last <<<"$ids"
last=("${last[@]: -4}")
emoji=(--max-tokens 4 --repetition-penalty 100 --bias "${last[0]}=4000" --bias "${last[1]}=3000" --bias "${last[2]}=2000"
  --bias "${last[3]}=1000" --prompt "$how")
say emoji "${emoji[@]}"

say saved --history "$saved" --max-tokens 64 --prompt "$describe"
dotted=(--image "$pictures/dotted.png" --prompt "$describe")
say length --max-tokens 5 "${dotted[@]}"
say stop_string --max-tokens 64 --stop ' shapes' "${dotted[@]}"
say context --max-tokens 64 --context 64 "${dotted[@]}"

error() { # error NAME CODE COMMAND…: the name of the status; the exit code must be the one README.md has for it
  local json code=0
  json=$("${@:3}" 2>/dev/null) || code=$?
  [ $code = "$2" ] || fail "error.$1 ended with $code, expected $2: $json"
  echo "error.$1: $(field name "$(tail -n 1 <<<"$json")")"
}

asked=(ask --json --prompt "$how")
model="$model/no such model 😿" error missing_model 3 "${asked[@]}"
model=$work error not_a_model 3 "${asked[@]}"
error missing_picture 3 "${asked[@]}" --image "$pictures/no such picture.png"
error broken_picture 3 "${asked[@]}" --image "$model/config.json"
error not_a_session 3 "${asked[@]}" --history "$model/model.safetensors"
error empty_picture 2 "${asked[@]}" --image - </dev/null
error remote_picture 3 "${asked[@]}" --image https://example.org/cat.png
error bad_max_tokens 2 "${asked[@]}" --max-tokens 0
error bad_temperature 2 "$llava" chat "$model" --json --temperature 1000 --prompt "$how"
error missing_adapter 3 "${asked[@]}" --adapter "$work/no such adapter"
error missing_template 2 "${asked[@]}" --template 'no such template'
error bad_context 2 "${asked[@]}" --context 1000000
error context_full 4 ask --json --prompt "$(printf 'red %.0s' {1..700})"
error cancelled 5 interrupted 1 --json --image "$pictures" --prompt "$how" # Ctrl-C when the first of two is answered
error timeout 5 "${asked[@]}" --timeout-ms 0
