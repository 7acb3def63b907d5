#!/usr/bin/env bash
# CPU time (user + system, whole process) of `bk-launch run` and of its peers, in turn, against the
# same mock in a process of its own. Usage: benches/compare.sh [ROWS] [ROUNDS]
# `journal` is the same launch with its journal, `bench` a closed loop over the same rows. Peers that are not installed are left out: oha, wrk, hey.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-200000} rounds=${2:-3}

cargo build --release --locked --quiet
program=$PWD/target/release/bk-launch
folder=$(mktemp -d)
"$program" mock --port 0 --counts-only >"$folder/url" 2>/dev/null &
mock=$!
trap 'kill "$mock" 2>/dev/null; rm -rf "$folder"' EXIT
until [ -s "$folder/url" ]; do sleep 0.05; done
url=$(cat "$folder/url")
start=$url/api/c/compapi/v2/sops/start_task/
body='{"bk_app_code":"app","bk_app_secret":"a secret","bk_token":"a token","bk_biz_id":"2","task_id":"17","scope":"cmdb_biz"}'
awk -v rows="$rows" 'BEGIN { print "bk_biz_id,task_id"; for (i = 1; i <= rows; i++) print i % 50 + 1 "," i }' >"$folder/tasks.csv"
cat >"$folder/post.lua" <<LUA
wrk.method = "POST"
wrk.body = '$body'
wrk.headers["Content-Type"] = "application/json"
LUA
export BK_APP_CODE=app BK_APP_SECRET='a secret' BK_TOKEN='a token'

export BK_LAUNCH_STATE=$folder/state
launch() {
    "$program" run "$folder/tasks.csv" -q -o "$folder/report.csv" --force --rate unlimited --concurrency 64 --esb "$url" "$@"
}
run() { launch --no-journal; }
bench() { "$program" bench "$folder/tasks.csv" --closed --concurrency 64 --requests "$rows" -q --esb "$url"; }
journal() { launch; }
oha() { command oha -n "$rows" -c 64 --no-tui -m POST -T application/json -d "$body" "$start"; }
hey() { command hey -n "$rows" -c 64 -m POST -T application/json -d "$body" "$start"; }
# wrk counts time and not requests, so its CPU time is scaled to as many requests.
wrk() { command wrk -t1 -c64 -d5s -s "$folder/post.lua" "$start"; }

# Prints the CPU seconds that $1 needs for all rows.
cpu() {
    local TIMEFORMAT='%U %S' spent done_requests
    spent=$({ time "$1" >"$folder/out" 2>&1; } 2>&1)
    done_requests=$rows
    [ "$1" = wrk ] && done_requests=$(awk '/requests in/ { print $1 }' "$folder/out")
    awk -v spent="$spent" -v rows="$rows" -v did="$done_requests" \
        'BEGIN { split(spent, s, " "); printf "%.3f\n", (s[1] + s[2]) * rows / did }'
}

tools=(run journal bench)
for tool in oha wrk hey; do
    if type -P "$tool" >/dev/null; then tools+=("$tool"); fi
done
printf '%s rows, %s rounds, CPU seconds (and microseconds a request); ratio is run / tool, and bench / tool\n' "$rows" "$rounds"
for ((round = 1; round <= rounds; round++)); do
    ours= measures=
    for tool in "${tools[@]}"; do
        seconds=$(cpu "$tool")
        : "${ours:=$seconds}"
        [ "$tool" = bench ] && measures=$seconds
        awk -v tool="$tool" -v s="$seconds" -v ours="$ours" -v measures="${measures:-0}" -v rows="$rows" -v round="$round" \
            'BEGIN { printf "round %d  %-7s %8.3f s  %6.2f us  ratio %.2f  %.2f\n", round, tool, s, s / rows * 1e6, ours / s, measures / s }'
    done
done
