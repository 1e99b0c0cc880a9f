# lanes.sh: for scripts that run several commands side by side; read by them with `.`
#
# lanes WIDTH COMMAND NAME...: runs `COMMAND NAME` for each name, WIDTH of them at a time. They begin in this order, each
# as soon as a lane is free. A script that is ended ends what it runs, with all that this has started.
lanes() {
    lanes_width=$1 lanes_command=$2
    shift 2
    lanes_claims=$(mktemp -d) || return 1
    lanes_pids=
    trap 'kill $lanes_pids 2>/dev/null; rm -rf "$lanes_claims"; exit 130' INT TERM
    while [ "$lanes_width" -gt 0 ]; do
        lane "$@" &
        lanes_pids="$lanes_pids $!"
        lanes_width=$((lanes_width - 1))
    done
    wait
    trap - INT TERM
    rm -rf "$lanes_claims"
}

# One lane: takes the next name that no other one has taken.
lane() {
    child=
    # A group of its own can be ended as a whole.
    group=$(command -v setsid)
    trap '[ -z "$child" ] || kill -- "-$child" 2>/dev/null || kill "$child" 2>/dev/null; exit 130' INT TERM
    for name in "$@"; do
        mkdir "$lanes_claims/$(echo "$name" | tr ' /' '__')" 2>/dev/null || continue
        $group $lanes_command "$name" &
        child=$!
        wait "$child"
        child=
    done
}
