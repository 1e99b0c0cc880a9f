#!/bin/sh
# awork-sync.sh FILE [option of `awork-contacts plan`]...: the nightly sync of awork with an export of people.
#
#     awork-sync.sh /srv/hr/export.csv --default-country DE
#
# Plans, keeps the plan for a look at it, and applies that plan and nothing else. Quiet when there is nothing to do.
# Exit code 0: awork is as the file says; 1: look at what was printed. Nothing is deleted unless --prune is given;
# beyond the delete limit nothing is applied. The token: AWORK_TOKEN, AWORK_TOKEN_FILE, or ~/.config/awork/token.
set -u
file=${1:?usage: awork-sync.sh FILE [option]...}
shift
state=${XDG_STATE_HOME:-$HOME/.local/state}/awork
umask 077
mkdir -p "$state"

# systemd's LoadCredential=: what it gives us is ours alone, but by an access list, which looks like a group's.
credential=${CREDENTIALS_DIRECTORY:-}/awork-token
if [ "$credential" != /awork-token ] && [ -r "$credential" ]; then
    AWORK_TOKEN=$(cat "$credential")
    export AWORK_TOKEN
fi

# Only one at a time: a slow night must not meet the next one.
exec 9>"$state/sync.lock"
flock -n 9 || {
    echo "awork-sync: another one is running" >&2
    exit 1
}

plan=$state/nightly-plan.json
awork-contacts plan "$file" --quiet --reserve 0.2 -o "$plan" "$@" >"$state/nightly-plan.txt"
case $? in
0) exit 0 ;;
2) ;;
*)
    cat "$state/nightly-plan.txt" >&2
    echo "awork-sync: nothing was applied" >&2
    exit 1
    ;;
esac
awork-contacts apply "$plan" --yes --quiet --reserve 0.2
