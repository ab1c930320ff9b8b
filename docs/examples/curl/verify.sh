#!/usr/bin/env bash
# Verifies a message that was kept in files, to see with one's own eyes how signing works:
#   verify.sh ipn     TIMESTAMP SIGNATURE     < body    (X-Signature-Timestamp, X-Signature-HMAC-SHA256)
#   verify.sh webhook TIMESTAMP SIGNATURE ID  < body    (webhook-timestamp, webhook-signature, webhook-id)
# Exit code 0: genuine. A shop's server does the same in its own language, with a comparison in constant time.
set -euo pipefail
kind=$1 timestamp=$2 given=$3 id=${4:-}
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat >"$body" # The exact bytes: a shell variable would lose line ends and NULs.

refuse() { echo "refused: $1" >&2; exit 1; }

[[ $timestamp =~ ^[0-9]{1,12}$ ]] || refuse "no timestamp"
age=$(($(date +%s) - timestamp))
((age <= 300 && age >= -300)) || refuse "$age seconds old"

case $kind in
  ipn)
    # The key is the site's whole secret, whsec_ included.
    key=$(printf '%s' "$IPN_SECRET" | od -An -tx1 | tr -d ' \n')
    expected=$({ printf '%s.' "$timestamp"; cat "$body"; } |
      openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -r | cut -d' ' -f1)
    [[ $given == "$expected" ]] || refuse "the signature does not match"
    ;;
  webhook)
    # The key is what is behind whsec_, decoded. During a rotation there are several signatures.
    key=$(printf '%s' "${WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \n')
    expected=$({ printf '%s.%s.' "$id" "$timestamp"; cat "$body"; } |
      openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
    [[ " $given " == *" v1,$expected "* ]] || refuse "the signature does not match"
    ;;
  *) refuse "say ipn or webhook" ;;
esac
echo "genuine"
