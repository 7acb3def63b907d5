#!/usr/bin/env bash
# CPU time (user + system, whole client process) of `bk-launch` and of its peers, in turn, against
# the same mock in a process of its own. Usage: benches/compare.sh [ROWS] [ROUNDS]
#
#   run      a launch without a journal       oha, wrk, hey   peers, if they are installed
#   journal  the same launch with a journal
#   bench    a closed loop over the same rows
#
# PROGRAM=FILE measures that binary in place of a fresh release build.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-200000} rounds=${2:-3}

program=${PROGRAM:-$PWD/target/release/bk-launch}
[ -n "${PROGRAM:-}" ] || cargo build --release --locked --quiet
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
journal() { launch; }
bench() { "$program" bench "$folder/tasks.csv" --closed --concurrency 64 --requests "$rows" -q --esb "$url"; }
oha() { command oha -n "$rows" -c 64 --no-tui -m POST -T application/json -d "$body" "$start"; }
hey() { command hey -n "$rows" -c 64 -m POST -T application/json -d "$body" "$start"; }
# wrk counts time and not requests, so its figures are scaled to as many requests.
wrk() { command wrk -t1 -c64 -d5s -s "$folder/post.lua" "$start"; }

# Prints the CPU seconds and the seconds that $1 needs for all rows.
measure() {
    local TIMEFORMAT='%U %S %R' spent done_requests=$rows
    if ! spent=$({ time "$1" >"$folder/out" 2>&1; } 2>&1); then
        printf '%s failed:\n' "$1" >&2
        tail -n 20 "$folder/out" >&2
        return 1
    fi
    [ "$1" = wrk ] && done_requests=$(awk '/requests in/ { print $1 }' "$folder/out")
    awk -v spent="$spent" -v rows="$rows" -v did="$done_requests" \
        'BEGIN { split(spent, s, " "); printf "%.3f %.3f\n", (s[1] + s[2]) * rows / did, s[3] * rows / did }'
}

tools=(run journal bench)
for tool in oha wrk hey; do
    if type -P "$tool" >/dev/null; then tools+=("$tool"); fi
done
printf '%s rows, %s rounds\n' "$rows" "$rounds"
for ((round = 1; round <= rounds; round++)); do
    for tool in "${tools[@]}"; do
        figures=$(measure "$tool")
        printf '%s %s %s\n' "$round" "$tool" "$figures" | tee -a "$folder/figures" |
            awk -v rows="$rows" '{ printf "round %d  %-7s  %8.3f s of CPU  %7.2f us a request  %9.1f/s\n", $1, $2, $3, $3 / rows * 1e6, rows / $4 }'
    done
done

# Ratios are taken within a round, in which the machine was about as fast for all.
printf '\nmedian (range)  CPU a request in us          requests/s              CPU of run / tool    CPU of bench / tool\n'
for tool in "${tools[@]}"; do
    awk -v tool="$tool" -v rows="$rows" '
        function sorted(values, n,    i, j, t) {
            for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j - 1]; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
        }
        function told(values, n, digits,    middle) {
            sorted(values, n)
            middle = n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
            return sprintf("%.*f (%.*f to %.*f)", digits, middle, digits, values[1], digits, values[n])
        }
        { spent[$1, $2] = $3; took[$1, $2] = $4; if ($1 > rounds) rounds = $1 }
        END {
            for (r = 1; r <= rounds; r++) {
                cpu[r] = spent[r, tool] / rows * 1e6; rate[r] = rows / took[r, tool]
                run[r] = spent[r, "run"] / spent[r, tool]; bench[r] = spent[r, "bench"] / spent[r, tool]
            }
            printf "%-15s %-28s %-23s %-20s %s\n", tool, told(cpu, rounds, 2), told(rate, rounds, 0), told(run, rounds, 2), told(bench, rounds, 2)
        }' "$folder/figures"
done
