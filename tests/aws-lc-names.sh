#!/usr/bin/env bash
# AWS-LC and OpenSSL have functions of the same names and stand in one process. Shows that neither
# can be called for the other: LIBRARY CRYPTO_ARCHIVE OPENSSL_USERS PROGRAMS, lists with colons
# between, where LIBRARY is AWS-LC and PROGRAMS are linked with all of them.
set -euo pipefail
export LC_ALL=C
library=$1 crypto=$2
IFS=: read -ra openssl_users <<<"$3"
IFS=: read -ra programs <<<"$4"
failed=0

# Fails the test over FILE if standard input names anything.
none() { # WHAT FILE
  local found
  found=$(head -n 3)
  [ -z "$found" ] && return
  printf '%s: %s: %s\n' "$2" "$1" "${found//$'\n'/, }"
  failed=1
}
names() { nm "$@" | sed -n 's/^.* [A-Za-z] //p' | sort -u; }
of_aws_lc() { grep '^aws_lc_' || true; }

all=$(names --defined-only --extern-only "$library")
none "has a name without prefix" "$library" < <(grep -v '^aws_lc_' <<<"$all" || true)
none "calls OpenSSL" "$crypto" \
  < <(comm -12 <(names --undefined-only "$crypto") <(sed 's/^aws_lc_//' <<<"$all"))
for user in "${openssl_users[@]}"; do
  none "calls AWS-LC" "$user" < <(names --undefined-only "$user" | of_aws_lc)
done
for program in "${programs[@]}"; do
  none "shows AWS-LC to others" "$program" < <(names --dynamic "$program" | of_aws_lc)
done
exit $failed
