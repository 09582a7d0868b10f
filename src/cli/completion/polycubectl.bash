# SPDX-License-Identifier: Apache-2.0
# Completion of polycubectl for bash: the tool itself knows the models and what runs.

_polycubectl() {
    local line=${COMP_LINE:0:COMP_POINT} current=""
    local -a words=()
    COMPREPLY=()

    # COMP_WORDS is split at ':' and '=', which are parts of our words; split at blanks instead.
    read -ra words <<< "$line"
    if [[ $line == *[[:space:]] ]]; then
        words+=("")
    fi
    current=${words[-1]}

    # Where a file is named, the shell knows more than the tool.
    if [[ ${words[-2]-} == -f || "${words[*]:1:2}" == "cubes "@(add|set) && ${#words[@]} -eq 4 ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi

    local candidate
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <("${words[0]}" --complete "${words[@]:1}" 2> /dev/null < /dev/null)

    # A placeholder is shown, never inserted: a shell would take `<name>` for a redirection.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == "<"* ]]; then
        COMPREPLY+=(" ")
        return
    fi

    # No blank where the word goes on.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace
    fi

    # Readline replaces only what follows the last break character of the word.
    local kept="" breaks=$COMP_WORDBREAKS
    if [[ $breaks == *=* && $current == *=* ]]; then
        kept=${current%"${current##*=}"}
    fi
    if [[ $breaks == *:* && $current == *:* ]]; then
        local upto=${current%"${current##*:}"}
        [[ ${#upto} -gt ${#kept} ]] && kept=$upto
    fi
    local i
    for i in "${!COMPREPLY[@]}"; do
        COMPREPLY[i]=${COMPREPLY[i]#"$kept"}
    done
}

complete -F _polycubectl polycubectl
