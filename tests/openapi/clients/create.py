"""Creates a checkout with the generated client and prints what it is told."""

import os

import openapi_client as client

configuration = client.Configuration(host=os.environ["TOLLGATE_API"], access_token=os.environ["TOLLGATE_KEY"])
with client.ApiClient(configuration) as connection:
    api = client.CheckoutsApi(connection)
    body = client.CreateCheckout(
        amount=4900,
        currency="EUR",
        external_reference=os.environ["REFERENCE"],
        capture_method=client.CaptureMethod.CAPTURE_METHOD_MANUAL,
    )
    made = api.create_checkout(os.environ["SITE_ID"], body)
    first = api.list_checkouts(limit=1, external_reference=os.environ["REFERENCE"]).data[0]
    print(made.id, made.amount, first.status.value, str(first.expires_at > first.created_at).lower())
