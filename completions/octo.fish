# octo completion for fish 3.1 or newer. Written by `octo completion fish`.
function __octo_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l token (commandline -ct)
    set -l found (_OCTO_COMPLETE=fish command octo $words "$token" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$token"
    end
end
complete -c octo -f -k -a '(__octo_complete)'
