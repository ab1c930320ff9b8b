"""Receives IPNs at /ipn and webhooks at /webhooks. Python 3.9 or newer, nothing to install."""

import base64
import hashlib
import hmac
import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IPN_SECRET = os.environ["IPN_SECRET"]
WEBHOOK_SECRET = os.environ["WEBHOOK_SECRET"]


def is_fresh(timestamp):
    return re.fullmatch(r"[0-9]{1,12}", timestamp) is not None and abs(time.time() - int(timestamp)) <= 300


def verify_ipn(headers, body):
    timestamp = headers.get("X-Signature-Timestamp", "")
    if not is_fresh(timestamp):
        return False
    # The key is the site's whole secret, whsec_ included; signed are the exact bytes of the body.
    signed = timestamp.encode() + b"." + body
    expected = hmac.new(IPN_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), headers.get("X-Signature-HMAC-SHA256", "").encode())


def verify_webhook(headers, body):
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not is_fresh(timestamp):
        return False
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # During a rotation there are several signatures, separated by spaces.
    signatures = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, signature.encode()) for signature in signatures)


VERIFY = {"/ipn": verify_ipn, "/webhooks": verify_webhook}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        verify = VERIFY.get(self.path)
        if verify is None:
            return self.answer(404)
        if not verify(self.headers, body):
            return self.answer(400)
        message = json.loads(body)
        # Store first, then answer. A message may come twice, and late: do nothing for a `deliveryId` or
        # `webhook-id` that you know, nor for an `eventVersion` at or below the newest one that you have seen of
        # this transaction.
        print(self.path, message.get("status", message.get("type")), flush=True)
        self.answer(200)  # For an IPN exactly 200.

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "9000"))), Receiver).serve_forever()
