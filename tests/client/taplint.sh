#!/bin/sh
# Check a running service with STILTS taplint, and fail on any error it reports.
#
# Usage: taplint.sh URL [STAGES]      (such as http://localhost:8080/tap)
#
# Left out by default is LOC, which wants a table of planned observations.
set -eu
url=${1:?usage: taplint.sh URL [STAGES]}
stages=${2:-"TMV TME TMS TMC CPV CAP AVV QGE QPO QAS UWS MDQ OBS UPL EXA"}
report=$(mktemp)
trap 'rm -f "$report"' EXIT
stilts taplint tapurl="$url" stages="$stages" report=EWFS >"$report" || true
cat "$report"
if ! grep -q '^Totals: ' "$report"; then
    echo "taplint did not come to its end" >&2
    exit 2
fi
if grep -q '^E-' "$report"; then
    echo "taplint found errors" >&2
    exit 1
fi
