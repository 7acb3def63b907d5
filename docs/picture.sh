#!/usr/bin/env bash
# Makes run.svg beside this file: what a terminal shows while bk-launch launches a list against
# its own mock. Needs tmux, and takes about 20 s.
#
#   cargo build && docs/picture.sh target/debug/bk-launch
set -euo pipefail

program=$(realpath "${1:?name the bk-launch whose picture is taken}")
picture=$(dirname "$(realpath "$0")")/run.svg
columns=100 lines=20 interval=0.4
scene=$(mktemp -d /tmp/ops.XXXX)
terminal() { tmux -L "${scene##*/}" -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null || true; kill "$mock" 2>/dev/null || true; rm -rf "$scene"' EXIT

cd "$scene"
mkdir bin frames
ln -s "$program" bin/bk-launch
list() {
    echo bk_biz_id,task_id,scope,change
    for row in $(seq 120); do
        case $((row % 4)) in
            0) echo "7,$((7000 + row)),project,CHG-$((410 + row / 9))" ;;
            1) echo "3,$((3000 + row)),,CHG-$((410 + row / 9))" ;;
            *) echo "2,$((2000 + row)),,CHG-$((410 + row / 9))" ;;
        esac
    done
}
list >tasks.csv

# Keeps what the terminal shows, unless it is what it showed before.
frame=100
take() {
    terminal capture-pane -p >"frames/$((frame + 1))"
    cmp -s "frames/$frame" "frames/$((frame + 1))" || frame=$((frame + 1))
}

# Waits up to 60 s for a line on the terminal, and takes a frame at each interval.
shows() {
    local end=$((SECONDS + 60))
    until terminal capture-pane -p | grep -q "$1"; do
        [ $SECONDS -lt $end ] || { echo "the terminal does not show $1" >&2; exit 1; }
        sleep $interval
        take
    done
    take
}

"$program" mock --port 0 --latency exp:60ms --queue 300ms --seed 3 --fault 502=3% \
    --throttle 3=2/s --already-started 2002 --denied 2091 >mock.txt 2>/dev/null &
mock=$!
until grep -q http mock.txt; do sleep 0.1; done
url=$(grep -o -m 1 'http://[0-9.:]*' mock.txt)

terminal new-session -d -x $columns -y $lines env -i PATH="$scene/bin:/usr/bin:/bin" \
    TERM=xterm-256color LANG=C.UTF-8 HISTFILE= PS1='$ ' BK_LAUNCH_STATE=state \
    BK_COMPONENT_API_URL="$url" BK_APP_CODE=ops BK_APP_SECRET=none BK_TOKEN=none \
    bash --norc --noprofile
shows '^\$'
frame=100
terminal send-keys 'bk-launch run tasks.csv -o report.csv --confirm' Enter
shows '^report: '
terminal send-keys 'cut -d, -f1-7,16,18 report.csv | head -6 | column -ts,' Enter
shows '^line '
rm -f frames/100 "frames/$((frame + 1))"

# The frames stand side by side, and the picture moves from one to the next. Where nothing moves,
# the last one is seen.
awk -v columns=$columns -v lines=$lines -v interval=$interval -v still=20 '
    function escaped(text) {
        gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
        return text
    }
    BEGIN { width = columns * 8.4 + 32; height = lines * 18 + 24 }
    FNR == 1 { frames++ }
    /[^ ]/ {
        kind = /^\$ / ? " class=\"typed\"" : ""
        place = sprintf("x=\"%d\" y=\"%d\"", (frames - 1) * width, FNR * 18 + 12)
        text = text "<text " place kind ">" escaped($0) "</text>\n"
    }
    END {
        steps = frames + still
        print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" width "\" height=\"" height "\" xml:space=\"preserve\">"
        print "<style>"
        print "text { font: 14px ui-monospace, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; fill: #c9d1d9; white-space: pre }"
        print ".typed { fill: #7ee787 }"
        printf ".frames { transform: translateX(%dpx); animation: play %.1fs step-end infinite }\n", (1 - frames) * width, steps * interval
        print "@media (prefers-reduced-motion) { .frames { animation: none } }"
        print "@keyframes play {"
        for (at = 0; at < frames; at++)
            printf "%.2f%% { transform: translateX(%dpx) }\n", 100 * at / steps, -at * width
        print "}\n</style>"
        print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>"
        print "<svg x=\"16\" width=\"" width - 16 "\"><g class=\"frames\">\n" text "</g></svg>\n</svg>"
    }' frames/* >"$picture"
echo "$picture: $((frame - 100)) frames"
