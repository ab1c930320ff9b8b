"""Signs and verifies with Python's standard library and with the official SDK.

Reads a JSON array of questions from standard input, answers with a JSON array: `{"ok": …}` or
`{"refused": "<why>"}` for each.
"""

import base64
import hashlib
import hmac
import json
import sys
from datetime import datetime, timezone

from standardwebhooks import Webhook, WebhookVerificationError


def body(question):
    return base64.b64decode(question["body"])


def ipn_verify(question):
    message = question["timestamp"].encode() + b"." + body(question)
    expected = hmac.new(question["secret"].encode(), message, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, question["signature"]):
        raise ValueError("no match")
    return True


def standard_verify(question):
    Webhook(question["secret"]).verify(body(question), question["headers"], json_parse=False)
    return True


def standard_sign(question):
    at = datetime.fromtimestamp(question["timestamp"], tz=timezone.utc)
    return Webhook(question["secret"]).sign(question["id"], at, body(question).decode())


OPERATIONS = {
    "ipn.verify": ipn_verify,
    "standard.verify": standard_verify,
    "standard.sign": standard_sign,
}


def answer(question):
    operation = OPERATIONS[question["operation"]]
    try:
        return {"ok": operation(question)}
    except (ValueError, WebhookVerificationError) as error:
        return {"refused": str(error)}


json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout)
