#!/usr/bin/env bash
# tests/tools/radio_sim_test.sh -- radio-sim as a program: its options, its lines, its symlink, its exit status.
#
# Nothing waits for a fixed time: every command is answered by a line, and that is what is waited for.
set -uo pipefail
sim=${RADIO_SIM:-${BUILD:-build}/radio-sim}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
status=0

expect() # what, wanted, got
{
    [[ $3 == $2 ]] && return
    printf '%s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    status=1
}

leaves_with() # exit status, words...
{
    local wanted=$1
    shift
    "$sim" "$@" </dev/null >"$folder/out" 2>"$folder/err"
    expect "exit status of $*" "$wanted" "$?"
}

# ---- options
leaves_with 0 --help
expect 'help' 'Usage: radio-sim *unplug, replug*' "$(cat "$folder/out")"
leaves_with 2
expect 'no driver' '*--driver*xbee, znp, ezsp or deconz*' "$(cat "$folder/err")"
leaves_with 2 --driver zwave
leaves_with 2 --driver xbee --nodes 2001
leaves_with 2 --driver xbee --topic 'a/#'
leaves_with 2 --driver xbee --port x --listen 127.0.0.1:0
leaves_with 2 --driver xbee --fault frobnicate
for option in 'xbee 1' 'xbee 3' 'znp 4' 'ezsp 3' 'ezsp 15' 'deconz 3'; do
    leaves_with 2 --driver "${option% *}" --stick-option "${option#* }"
    expect "option ${option#* } of ${option% *}" "*--stick-option*${option% *} has no such variant*" "$(cat "$folder/err")"
done
for option in 'xbee 2' 'znp 3' 'ezsp 4' 'ezsp 14' 'deconz 2'; do
    leaves_with 0 --driver "${option% *}" --stick-option "${option#* }" --nodes 0 --speed 1000 --duration 1
done
leaves_with 1 --driver xbee --listen somewhere
leaves_with 1 --driver xbee --port "$folder/no/such/folder"

# ---- a port that is in the way is left alone, a symlink is replaced
echo mine >"$folder/file"
leaves_with 1 --driver xbee --port "$folder/file"
expect 'a file in the way' 'mine' "$(cat "$folder/file")"
ln -s nowhere "$folder/old"
leaves_with 0 --driver xbee --port "$folder/old" --speed 1000 --duration 1
expect 'an old symlink' '' "$(readlink "$folder/old")"

# ---- how it ends
leaves_with 6 --driver znp --messages 1 --speed 1000 --duration 1
expect 'the summary' '*summary nodes=1 connected=0 published=0 acknowledged=0 *' "$(cat "$folder/out")"

# ---- commands
ask() # command: the line that answers it
{
    local line
    echo "$1" >&"${sim_io[1]}"
    read -r -t 20 line <&"${sim_io[0]}" && echo "$line"
}

coproc sim_io { exec "$sim" --driver ezsp --port "$folder/stick" --nodes 2; }
pid=$sim_io_PID
read -r -t 20 line <&"${sim_io[0]}"
expect 'the first line' "ready $folder/stick" "$line"
expect 'the port' '/dev/pts/*' "$(readlink "$folder/stick")"
expect 'a fault' 'ok checksum:7' "$(ask checksum:7)"
expect 'nonsense' 'error nonsense: *' "$(ask nonsense)"
expect 'unplugging' 'ok unplug' "$(ask unplug)"
expect 'the port, unplugged' '' "$(readlink "$folder/stick")"
expect 'plugging in' "ok replug $folder/stick" "$(ask replug)"
expect 'the port, plugged in' '/dev/pts/*' "$(readlink "$folder/stick")"
expect 'status' 'summary nodes=2 connected=0 *' "$(ask status)"
exec {sim_io[1]}>&-
kill -TERM "$pid"
read -r -t 20 line <&"${sim_io[0]}"
expect 'the last line' 'summary nodes=2 *' "$line"
wait "$pid"
expect 'exit status after a signal' 0 "$?"
expect 'the port, at the end' '' "$(readlink "$folder/stick")"

# ---- commands from a file are done at once
printf 'status\nunplug' >"$folder/commands"
"$sim" --driver deconz --speed 1000 --duration 1 <"$folder/commands" >"$folder/out" 2>&1
expect 'commands from a file' 'ready *summary *summary *' "$(tr '\n' ' ' <"$folder/out")"
exit $status
