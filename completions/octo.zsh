#compdef octo
# octo completion for zsh. Written by `octo completion zsh`.
_octo() {
    local value help
    local -a values shown
    while IFS=$'\t' read -r value help; do
        values+=("$value")
        shown+=("$value${help:+  -- $help}")
    done < <(_OCTO_COMPLETE=zsh "${words[1]}" "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( $#values )); then
        compadd -l -d shown -a values
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_octo" ]; then
    _octo "$@"
else
    compdef _octo octo
fi
