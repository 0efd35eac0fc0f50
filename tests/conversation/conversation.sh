#!/usr/bin/env bash
# The conversation of README.md beside this file, as far as the command goes: conversation.sh LLAVA MODEL PICTURES WORK
set -euo pipefail
[ $# = 4 ] || { echo "usage: conversation.sh LLAVA MODEL PICTURES WORK" >&2; exit 2; }
llava=$1 model=$2 pictures=$3 work=$4
how='How many shapes are there?' describe='Describe the picture.'

field() { # field JSON-KEY TEXT: a text, number or list of numbers; the answers here hold no quote and no backslash
  sed -E 's/.*"'"$1"'":("([^"]*)"|\[([^]]*)\]|([0-9]+)).*/\2\3\4/; s/,/ /g' <<<"$2"
}

answer() { # answer OPTIONS…: one question, as JSON
  "$llava" chat "$model" --greedy --json "$@"
}

say() { # say NAME OPTIONS…: the seven lines of an answer
  local name=$1 json
  json=$(answer "${@:2}")
  printf '%s\n' "$name.text: $(sed -E 's/.*"text":"([^"]*)".*/\1/' <<<"$json")" "$name.ids: $(field token_ids "$json")" \
    "$name.finish: $(field finish_reason "$json")" "$name.prompt: $(field prompt_tokens "$json")" \
    "$name.pictures: $(field image_tokens "$json")" "$name.cached: $(field cached_tokens "$json")" \
    "$name.completion: $(field completion_tokens "$json")"
}

error() { # error NAME COMMAND…: the name of the status
  local json
  if json=$("${@:2}" 2>/dev/null); then echo "error.$1: OK"; else echo "error.$1: $(field name "$json")"; fi
}

say turn1 --max-tokens 64 --image "$pictures/dotted.png" --prompt "$how"

saved="$work/Gespräch 💬 対話.session"
mapfile -t lines < <(printf '%s\n' "/image $pictures/dotted.png" "$how" "Describe the picture. 🔴 絵" "/image $pictures/striped.png" \
  "$how" /undo "/image $pictures/striped.png" 'Is there a cross?' "/save $saved" | "$llava" chat "$model" --greedy --max-tokens 64)
printf '%s\n' "turn2.text: ${lines[2]}" "turn3.text: ${lines[4]}" "rewind.text: ${lines[6]}"
mapfile -t lines < <("$llava" chat "$model" --history "$saved" --greedy --max-tokens 64 --prompt "$describe")
echo "fork.text: ${lines[0]}"
say saved --history "$saved" --max-tokens 64 --prompt "$describe"

dotted=(--image "$pictures/dotted.png" --prompt "$describe")
say length --max-tokens 5 "${dotted[@]}"
say stop_string --max-tokens 64 --stop ' shapes' "${dotted[@]}"
say context --max-tokens 64 --context 64 "${dotted[@]}"

error missing_model "$llava" chat "$model/no such model 😿" --json --prompt "$how"
error not_a_model "$llava" chat "$work" --json --prompt "$how"
error missing_picture answer --image "$pictures/no such picture.png" --prompt "$how"
error broken_picture answer --image "$model/config.json" --prompt "$how"
error not_a_session answer --history "$model/model.safetensors" --prompt "$how"
error bad_temperature "$llava" chat "$model" --json --temperature 1000 --prompt "$how"
error missing_template answer --template 'no such template' --prompt "$how"
error bad_context answer --context 1000000 --prompt "$how"
error context_full answer --prompt "$(printf 'red %.0s' {1..700})"
error timeout answer --timeout-ms 0 --prompt "$how"
