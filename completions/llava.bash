# bash completion for the command `llava`. Installed as share/bash-completion/completions/llava; or source it.
# The options of a verb are asked from `llava VERB --help`, so they never go stale; values are completed where they are known.

_llava_options() { # the long options that `llava VERB --help` (or `llava --help`) names
  "${COMP_WORDS[0]}" "$@" --help 2>/dev/null | grep -oE -- '--[a-z][a-z0-9-]*' | sort -u
}

_llava_verb() { # the first word that is no option
  local word
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) echo "$word"; return ;; esac
  done
}

_llava() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb
  verb=$(_llava_verb)
  COMPREPLY=()
  case $previous in
    --image | --history | -o | --output) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --device) mapfile -t COMPREPLY < <(compgen -W 'auto cpu cuda:0' -- "$current"); return ;;
    --layout) mapfile -t COMPREPLY < <(compgen -W 'keep hf original' -- "$current"); return ;;
    --vision-tower | --projector | --adapter | --model | --images | --base | --delta | --out) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    --tile-rule) mapfile -t COMPREPLY < <(compgen -W 'auto original hf' -- "$current"); return ;;
    --labels) mapfile -t COMPREPLY < <(compgen -W 'spans upstream' -- "$current"); return ;;
    --image-place) mapfile -t COMPREPLY < <(compgen -W 'first as-written random' -- "$current"); return ;;
    --image-aspect-ratio) mapfile -t COMPREPLY < <(compgen -W 'pad square' -- "$current"); return ;;
    --schedule) mapfile -t COMPREPLY < <(compgen -W 'cosine linear constant wsd' -- "$current"); return ;;
    --sum-order) mapfile -t COMPREPLY < <(compgen -W 'tree chain' -- "$current"); return ;;
    --zero) mapfile -t COMPREPLY < <(compgen -W '0 1 2 3' -- "$current"); return ;;
    --stage) mapfile -t COMPREPLY < <(compgen -W '1 2' -- "$current"); return ;;
    --pictures) mapfile -t COMPREPLY < <(compgen -W 'whole header skip' -- "$current"); return ;;
    --dtype) mapfile -t COMPREPLY < <(compgen -W 'auto f32 bf16 f16' -- "$current"); return ;;
    --prompt | --system | --ids | --max-tokens | --temperature | --top-p | --top-k | --min-p | --repetition-penalty | --bias | --seed | --threads | --context | \
      --template | --layer | --stop | --timeout-ms | --prompt-tokens | --tokens | --runs | --columns | --shard-size | --scale | --max-length) return ;;
  esac
  if [ "$verb" = data ] && [ "$previous" = data ]; then
    mapfile -t COMPREPLY < <(compgen -W 'check' -- "$current")
    return
  fi
  [ "$verb" != data ] || verb="data check"
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_llava_options $verb)" -- "$current")
  elif [ -z "$verb" ]; then
    mapfile -t COMPREPLY < <(compgen -W 'chat train info convert merge-delta merge-lora data tokens pixels features logits bench show' -- "$current")
  else
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}

complete -F _llava llava
