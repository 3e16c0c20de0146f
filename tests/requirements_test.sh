#!/usr/bin/env bash
# tests/requirements_test.sh [TABLE] -- every requirement of MQTT-SN 1.2 has a test that exists, or a reason why not.
#
# tests/requirements.tsv is the list: a row for each id, in the order of the sheet: id, TAB, tests as program:test_name
# with blanks between them, TAB, a reason: "does not apply: ..." or "not met: ..." where there are no tests, "in part: ..."
# where they do not hold all of it. A program is the path of its source below tests/, without _test.c. Ids that comments
# of the tests name must be in the list too, also as the short forms "SN-RTX-1, -2" and "SN-M1-1 to -4".
# Run from the root of the tree. Prints each mistake, then one line with the counts.
set -uo pipefail
table=${1:-tests/requirements.tsv}
# The sheet's groups in its order, and how many requirements each has; they are numbered from 1. 221 in all.
groups='FRM 11 DISC 10 CONN 15 WILL 12 SES 9 TOP 10 REG 11 PUB 14 M1 8 DLV 16 RTX 10 SUB 12 UNS 5 PING 9 SLP 20 DSC 7
        CNG 6 BRK 8 FWD 10 NET 7 GW 10 V2 1'

# Every id, a line each.
ids_expected()
{
    local group count i
    set -- $groups
    while [ $# -gt 0 ]; do
        group=$1 count=$2
        for ((i = 1; i <= count; i++)); do
            echo "SN-$group-$i"
        done
        shift 2
    done
}

# "file:line id" of every id that a comment of the tests names, short forms spelt out.
ids_named()
{
    find tests -name '*.[ch]' -type f | sort | xargs awk '
        function say(n) { print FILENAME ":" FNR " SN-" group "-" n }
        {
            rest = $0
            group = ""
            while (match(rest, /SN-[A-Z0-9]+-[0-9]+|^(,| and|,? to) -[0-9]+/)) {
                found = substr(rest, RSTART, RLENGTH)
                rest = substr(rest, RSTART + RLENGTH)
                number = found
                sub(/.*-/, "", number)
                if (found ~ /^SN-/) {
                    group = substr(found, 4, length(found) - 4 - length(number))
                    say(number)
                } else if (group != "") {
                    for (n = found ~ / to / ? last + 1 : number + 0; n <= number + 0; n++)
                        say(n)
                }
                last = number + 0
            }
        }'
}

awk -F '\t' -v table="$table" '
    function wrong(text) { print text; mistakes++ }
    kind == "expected" { expected[++last] = $0; place[$0] = last; next }
    kind == "there" { there[$0] = 1; next }
    kind == "named" { split($0, w, " "); where[w[2]] = where[w[2]] " " w[1]; next }
    /^#/ { next }
    {
        at = table ":" FNR ": "
        if (NF > 3 || $1 !~ /^SN-[A-Z0-9]+-[0-9]+$/) { wrong(at "not a row: id, tests, reason"); next }
        if ($1 in known) wrong(at $1 " is here twice")
        else if (!($1 in place)) wrong(at $1 " is no requirement")
        else if (place[$1] < before) wrong(at $1 " does not stand in the order of the sheet")
        before = place[$1]
        known[$1] = 1
        ids++
        n = split($2, tests, " ")
        for (i = 1; i <= n; i++) {
            if (!(tests[i] in there)) wrong(at $1 " names a test that does not exist: " tests[i])
            else if (seen[tests[i]] == FNR) wrong(at $1 " names a test twice: " tests[i])
            seen[tests[i]] = FNR
        }
        if (n == 0 && $3 == "") wrong(at $1 " has neither test nor reason")
        if (n > 0 && $3 != "" && $3 !~ /^in part: ./) wrong(at $1 " has tests and a reason")
        if (n == 0 && $3 != "" && $3 !~ /^(does not apply|not met): ./)
            wrong(at $1 " has a reason that is none")
        held += n > 0
        partly += n > 0 && $3 != ""
        unmet += $3 ~ /^not met: /
    }
    END {
        for (i = 1; i <= last; i++)
            if (!(expected[i] in known)) wrong(table ": " expected[i] " is missing")
        for (id in where) if (!(id in place)) wrong("unknown id " id " in" where[id])
        printf "%d requirements: %d with tests (%d of them in part), %d not met, %d that do not apply\n",
               ids, held, partly, unmet, ids - held - unmet
        exit mistakes > 0
    }' kind=expected <(ids_expected) kind=there <(tests/list) kind=named <(ids_named) kind=table "$table"
