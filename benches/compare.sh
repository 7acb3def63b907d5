#!/usr/bin/env bash
# CPU time (user + system, whole client process) of `bk-launch` and of its peers, in turn, against
# the same mock in a process of its own. Usage: benches/compare.sh [ROWS] [ROUNDS]
#
#   run      a launch without a journal       oha, wrk, hey   peers, if they are installed
#   journal  the same launch with a journal
#   bench    a closed loop over the same rows
#
#   open@RATE      an open loop of RATE requests a second, for 10 s or as many rows as there are
#   open-1ms@RATE  the same with `--slack 1ms`, the grain of oha's own timer
#   oha@RATE       oha at that rate, with `--latency-correction`
#
# PROGRAM=FILE measures that binary in place of a fresh release build. RATES='2000 10000 20000' are
# the rates of the open loop (10000); TOOLS='bench oha' measures these alone. The mock has the core
# SERVER_CPU (0), each client the core CLIENT_CPU (1), unless the machine has but one.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-200000} rounds=${2:-3}

program=${PROGRAM:-$PWD/target/release/bk-launch}
[ -n "${PROGRAM:-}" ] || cargo build --release --locked --quiet
server=() client=()
if [ "$(nproc --all)" -gt 1 ]; then
    server=(taskset -c "${SERVER_CPU:-0}") client=(taskset -c "${CLIENT_CPU:-1}")
fi
folder=$(mktemp -d)
"${server[@]}" "$program" mock --port 0 --counts-only >"$folder/url" 2>/dev/null &
mock=$!
trap 'kill "$mock" 2>/dev/null; rm -rf "$folder"' EXIT
until [ -s "$folder/url" ]; do sleep 0.05; done
url=$(cat "$folder/url")
start=$url/api/c/compapi/v2/sops/start_task/
body='{"bk_app_code":"app","bk_app_secret":"a secret","bk_token":"a token","bk_biz_id":"2","task_id":"17","scope":"cmdb_biz"}'
# Lists hold what is sent and no more: a list is checked whole before its first request.
list() { awk -v rows="$1" 'BEGIN { print "bk_biz_id,task_id"; for (i = 1; i <= rows; i++) print i % 50 + 1 "," i }' >"$folder/$1.csv"; }
# Requests of an open loop.
requests_at() { echo $(($1 * 10 < rows ? $1 * 10 : rows)); }
list "$rows"
for rate in ${RATES-10000}; do list "$(requests_at "$rate")"; done
cat >"$folder/post.lua" <<LUA
wrk.method = "POST"
wrk.body = '$body'
wrk.headers["Content-Type"] = "application/json"
LUA
export BK_APP_CODE=app BK_APP_SECRET='a secret' BK_TOKEN='a token'
export BK_LAUNCH_STATE=$folder/state

bk_launch() { "${client[@]}" "$program" "$@" -q --esb "$url"; }
launch() { bk_launch run "$folder/$rows.csv" -o "$folder/report.csv" --force --rate unlimited --concurrency 64 "$@"; }
run() { launch --no-journal; }
journal() { launch; }
bench() { bk_launch bench "$folder/$rows.csv" --closed --concurrency 64 --requests "$rows"; }
oha() { "${client[@]}" oha -n "$requests" -c 64 --no-tui -m POST -T application/json -d "$body" "$@" "$start"; }
hey() { "${client[@]}" hey -n "$rows" -c 64 -m POST -T application/json -d "$body" "$start"; }
# wrk counts time and not requests.
wrk() { "${client[@]}" wrk -t1 -c64 -d5s -s "$folder/post.lua" "$start"; }
# A load that this machine cannot hold is a figure too: exit code 1.
open() {
    bk_launch bench "$folder/$requests.csv" --rate "$rate/s" --requests "$requests" --json "$@" || [ $? = 1 ]
}
open-1ms() { open --slack 1ms; }

# Sends with one tool (`bench`, `open@10000`) and prints the CPU time of a request in microseconds,
# the requests a second, and for an open loop of ours the 99th percentile of how late they were.
measure() {
    local TIMEFORMAT='%U %S %R' tool=${1%@*} rate=${1#*@} spent requests=$rows options=()
    if [ "$rate" != "$1" ]; then
        requests=$(requests_at "$rate")
        [ "$tool" = oha ] && options=(-q "$rate" --latency-correction)
    fi
    if ! spent=$({ time "$tool" "${options[@]}" >"$folder/out" 2>&1; } 2>&1); then
        printf '%s failed:\n' "$1" >&2
        tail -n 20 "$folder/out" >&2
        return 1
    fi
    local late=-
    case $tool in
    wrk) requests=$(awk '/requests in/ { print $1 }' "$folder/out") ;;
    open*)
        requests=$(figure '"sent":[0-9]*')
        late=$(figure '"lateness":{[^}]*"p99":[0-9.]*')
        ;;
    esac
    awk -v spent="$spent" -v requests="$requests" -v late="$late" \
        'BEGIN { split(spent, s, " "); printf "%.3f %.1f %s\n", (s[1] + s[2]) / requests * 1e6, requests / s[3], late }'
}

# The number at the end of the first match in a result.
figure() { grep -o "$1" "$folder/out" | head -n 1 | grep -o '[0-9.]*$'; }

is_there() { case $1 in oha | wrk | hey) type -P "$1" >/dev/null ;; esac }

tools=() open_tools=()
for tool in ${TOOLS:-run journal bench oha wrk hey}; do
    if is_there "$tool"; then tools+=("$tool"); fi
done
for rate in ${RATES-10000}; do
    for tool in open open-1ms oha; do
        if is_there "$tool"; then open_tools+=("$tool@$rate"); fi
    done
done
printf '%s rows, %s rounds\n' "$rows" "$rounds"
for ((round = 1; round <= rounds; round++)); do
    for tool in "${tools[@]}" "${open_tools[@]}"; do
        figures=$(measure "$tool")
        printf '%s %s %s\n' "$round" "$tool" "$figures" | tee -a "$folder/figures" |
            awk '{ printf "round %d  %-14s  %7.2f us of CPU a request  %9.1f/s%s\n", $1, $2, $3, $4, $5 == "-" ? "" : "  99% at most " $5 " us late" }'
    done
done

# Prints a line of medians and ranges for tool $1: its figures, and the ratios of the CPU time of
# the tools $2 and $3 to it. Ratios are taken within a round, in which the machine was about as fast
# for all.
summary() {
    awk -v tool="$1" -v first="$2" -v second="$3" '
        function sorted(values, n,    i, j, t) {
            for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j - 1]; j--) { t = values[j]; values[j] = values[j - 1]; values[j - 1] = t }
        }
        function told(values, n, digits,    middle) {
            if (n == 0) return "-"
            sorted(values, n)
            middle = n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
            return sprintf("%.*f (%.*f to %.*f)", digits, middle, digits, values[1], digits, values[n])
        }
        { spent[$1, $2] = $3; rate[$1, $2] = $4; if ($1 > rounds) rounds = $1 }
        END {
            for (r = 1; r <= rounds; r++) {
                cpu[r] = spent[r, tool]; rates[r] = rate[r, tool]
                if ((r, first) in spent) one[++ones] = spent[r, first] / cpu[r]
                if ((r, second) in spent) two[++twos] = spent[r, second] / cpu[r]
            }
            printf "%-15s %-28s %-23s %-23s %s\n", tool, told(cpu, rounds, 2), told(rates, rounds, 0), told(one, ones, 2), told(two, twos, 2)
        }' "$folder/figures"
}
printf '\nmedian (range)  CPU a request in us          requests/s              CPU of run / tool       CPU of bench / tool\n'
for tool in "${tools[@]}"; do summary "$tool" run bench; done
printf '\nopen loop       CPU a request in us          requests/s              CPU of open / tool      CPU of open-1ms / tool\n'
for tool in "${open_tools[@]}"; do summary "$tool" "open@${tool#*@}" "open-1ms@${tool#*@}"; done
