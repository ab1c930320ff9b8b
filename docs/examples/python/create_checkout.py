"""Creates a checkout and prints the API's answer. Python 3.9 or newer, nothing to install."""

import json
import os
import sys
import urllib.error
import urllib.request

order = os.environ.get("ORDER", "ORD-1001")
shop = os.environ.get("SHOP_URL", "https://shop.example.com")

request = urllib.request.Request(
    f"{os.environ['TOLLGATE_API']}/v1/checkouts/{os.environ['TOLLGATE_SITE']}/create",
    method="POST",
    headers={
        "Authorization": f"Bearer {os.environ['TOLLGATE_KEY']}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"create-{order}",
    },
    data=json.dumps(
        {
            "amount": 4900,
            "currency": "EUR",
            "externalReference": order,
            "items": [{"description": "Professional Plan", "quantity": 1, "unitPrice": 4900, "vatRate": "19"}],
            "returnUrl": f"{shop}/thanks?transaction={{transactionId}}",
            "ipnUrl": f"{shop}/ipn",
        }
    ).encode(),
)
try:
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
except urllib.error.HTTPError as error:
    # `details` names the fields; quote `requestId` when you ask somebody.
    problem = json.load(error)
    sys.exit(f"{problem['code']}: {problem['message']} (request {problem['requestId']})")
print(json.dumps(answer))  # Send the customer to answer["paymentUrl"].
