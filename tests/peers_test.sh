#!/usr/bin/env bash
# tests/peers_test.sh [TABLE] -- each fault of other gateways has a test that exists, or a reason why it cannot be here.
#
# tests/peers.tsv is the list; its own first lines say what its columns are. Run from the root of the tree. Prints each
# mistake, then one line with the counts.
set -uo pipefail
table=${1:-tests/peers.tsv}
# How many items each list has; they are numbered from 1.
lists='5 32 10 38'

items_expected()
{
    set -- $lists
    while [ $# -gt 0 ]; do
        seq -f "$1.%g" "$2"
        shift 2
    done
}

awk -F '\t' -v table="$table" '
    function wrong(text) { print text; mistakes++ }
    kind == "expected" { expected[++last] = $0; place[$0] = last; next }
    kind == "there" { there[$0] = 1; next }
    /^#/ { next }
    {
        at = table ":" FNR ": "
        if (NF != 4) { wrong(at "not a row: item, what it is, tests, reason"); next }
        if ($1 in known) wrong(at $1 " is here twice")
        else if (!($1 in place)) wrong(at $1 " is no item")
        else if (place[$1] < before) wrong(at $1 " does not stand in order")
        before = place[$1]
        known[$1] = 1
        items++
        words = split($2, w, " ")
        if (words == 0 || words > 10) wrong(at $1 " is said in " words " words")
        n = split($3, tests, " ")
        for (i = 1; i <= n; i++) {
            if (!(tests[i] in there)) wrong(at $1 " names a test that does not exist: " tests[i])
            else if (seen[tests[i]] == FNR) wrong(at $1 " names a test twice: " tests[i])
            seen[tests[i]] = FNR
        }
        if (n == 0 && $4 == "") wrong(at $1 " has neither test nor reason")
        if (n > 0 && $4 != "" && $4 !~ /^in part: ./) wrong(at $1 " has tests and a reason")
        if (n == 0 && $4 != "" && $4 !~ /^does not apply: ./) wrong(at $1 " has a reason that is none")
        held += n > 0
    }
    END {
        for (i = 1; i <= last; i++)
            if (!(expected[i] in known)) wrong(table ": " expected[i] " is missing")
        printf "%d faults of others: %d with tests, %d that do not apply\n", items, held, items - held
        exit mistakes > 0
    }' kind=expected <(items_expected) kind=there <(tests/list) kind=table "$table"
