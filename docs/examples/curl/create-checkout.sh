#!/usr/bin/env bash
# Creates a checkout and prints the API's answer. Run it again with the same ORDER: it answers the same checkout.
set -euo pipefail
: "${TOLLGATE_API:?such as https://api.example.com}" "${TOLLGATE_KEY:?sk_test_…}" "${TOLLGATE_SITE:?the id of the site}"
order=${ORDER:-ORD-1001}
shop=${SHOP_URL:-https://shop.example.com}

# The key goes in on standard input: arguments can be read by every user of the machine.
printf 'header = "Authorization: Bearer %s"\n' "$TOLLGATE_KEY" |
  curl --silent --show-error --fail-with-body --config - \
    "$TOLLGATE_API/v1/checkouts/$TOLLGATE_SITE/create" \
    --header "Idempotency-Key: create-$order" \
    --json '{
      "amount": 4900,
      "currency": "EUR",
      "externalReference": "'"$order"'",
      "items": [{"description": "Professional Plan", "quantity": 1, "unitPrice": 4900, "vatRate": "19"}],
      "returnUrl": "'"$shop"'/thanks?transaction={transactionId}",
      "ipnUrl": "'"$shop"'/ipn"
    }'
