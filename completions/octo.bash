# octo completion for bash 4.4 or newer. Written by `octo completion bash`.
_octo() {
    local value help
    COMPREPLY=()
    while IFS=$'\t' read -r value help; do
        COMPREPLY+=("$value")
    done < <(_OCTO_COMPLETE=bash "${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _octo octo
