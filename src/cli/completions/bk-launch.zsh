#compdef bk-launch
# Completions of bk-launch for zsh: the program itself says what can follow.

_bk-launch() {
    local program=${(Q)words[1]} kind prefix line value
    local -a reply open closed
    reply=("${(@f)$("${program/#\~/$HOME}" __complete -- "$program" \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    kind=${reply[1]%%$'\t'*}
    prefix=${reply[1]#*$'\t'}
    if [[ $kind == (files|folders) ]]; then
        [[ -n $prefix ]] && compset -P 1 '*='
        if [[ $kind == files ]]; then _files; else _files -/; fi
    fi
    for line in "${(@)reply[2,-1]}"; do
        value=${line%%$'\t'*}
        line=${value//:/\\:}${${line#*$'\t'}:+:${line#*$'\t'}}
        if [[ $value == *= ]]; then open+=("$line"); else closed+=("$line"); fi
    done
    (($#closed)) && _describe -V bk-launch closed
    (($#open)) && _describe -V bk-launch open -S ''
}

if [[ $funcstack[1] == _bk-launch ]]; then
    _bk-launch "$@"
else
    compdef _bk-launch bk-launch
fi
