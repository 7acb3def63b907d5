# Completions of bk-launch for fish: the program itself says what can follow.

function __bk_launch_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    # Variables may be set before the program.
    while string match --quiet --regex '^\w+=' -- $words[1]
        set --erase words[1]
    end
    set -l program (string replace --regex '^~' $HOME -- $words[1])
    set -l reply ($program __complete -- $words "$current" 2>/dev/null)
    set -l kind (string split \t -- $reply[1])
    switch "$kind[1]"
        case files
            for path in (__fish_complete_path (string sub --start (math (string length -- "$kind[2]") + 1) -- "$current"))
                echo "$kind[2]$path"
            end
        case folders
            for path in (__fish_complete_directories (string sub --start (math (string length -- "$kind[2]") + 1) -- "$current"))
                echo "$kind[2]$path"
            end
    end
    for line in $reply[2..-1]
        echo $line
    end
end

complete --command bk-launch --no-files --keep-order --arguments '(__bk_launch_complete)'
