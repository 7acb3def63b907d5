# Completions of bk-launch for bash: the program itself says what can follow.

_bk_launch() {
    local program=${COMP_WORDS[0]} current=$2
    local words=() word last=-1 at kind reply value
    # Bash takes --flag=value and 22:00 for several words.
    for ((at = 1; at <= COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        if ((at == COMP_CWORD)); then
            word=${word#[\"\']}
            # Behind the cursor nothing counts.
            [[ -n $current && $word == "$current"* ]] && word=$current
        fi
        if ((at > 1)) && [[ $word == [=:] || ${COMP_WORDS[at - 1]} == [=:] ]]; then
            words[last]+=$word
        else
            words[++last]=$word
        fi
    done
    COMPREPLY=()
    mapfile -t reply < <("${program/#\~/$HOME}" __complete -- "$program" "${words[@]}" 2>/dev/null)
    kind=${reply[0]%%$'\t'*}
    if [[ $kind == files ]]; then
        compopt -o default
    elif [[ $kind == folders ]]; then
        compopt -o dirnames
    fi
    for ((at = 1; at < ${#reply[@]}; at++)); do
        value=${reply[at]%%$'\t'*}
        # What stands before the last break is not replaced.
        value=${value#"${words[last]%"$current"}"}
        printf -v value %q "$value"
        # No shell takes a comma for more than itself.
        value=${value//\\,/,}
        COMPREPLY+=("$value")
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace
    fi
}

if [[ ${BASH_VERSINFO[0]} -gt 4 || ${BASH_VERSINFO[0]} -eq 4 && ${BASH_VERSINFO[1]} -ge 4 ]]; then
    complete -o nosort -F _bk_launch bk-launch
else
    complete -F _bk_launch bk-launch
fi
