"""Gives Schemathesis what it cannot guess: ids that exist and values that a shop would send.

Knows no operation by name. Ids are read from every list of the API and from every answer to a create, and are put
where a name asks for them (`{id}` behind `/checkouts/`, `siteId`, `providerIds`); other fields get a plausible value
by their name, or what the document's own example says. A part of the cases stays as it was generated, so that
nonsense is sent, too. What only a person may do is asked by a person, who signs in first. At the end the statuses seen per operation are written to `SCHEMA_STATUSES`.
"""

import atexit
import json
import os
import random
import re
import urllib.request
from collections import Counter, defaultdict

import schemathesis

API = os.environ["SCHEMA_API"]
KEY = os.environ["SCHEMA_KEY"]
EMAIL = os.environ["SCHEMA_EMAIL"]
PASSWORD = os.environ["SCHEMA_PASSWORD"]
ORGANIZATION = os.environ["SCHEMA_ORGANIZATION"]
# Whatever ends the key that is used ends the run.
SPARED = set(os.environ["SCHEMA_SPARED"].split(","))

chance = random.Random(1)
statuses = defaultdict(Counter)
pools = defaultdict(list)
hosts = []
examples = {}
# Operations that a key of test mode may not do, whatever its scopes.
of_people = set()
# Good once.
refresh_tokens = []


def get(path):
    request = urllib.request.Request(API + path, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


def sign_in(browser=None):
    body = {"email": EMAIL, "password": PASSWORD, "organizationId": ORGANIZATION, "mode": "test", "browser": browser}
    request = urllib.request.Request(
        API + "/api/v1/auth/login", json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


# Of a log-in that nothing below ends. With the browser that it names, tries are counted apart from the wrong ones.
mine = sign_in()
BROWSER = mine["browser"]
TOKEN = mine["accessToken"]
refresh_tokens += [sign_in(BROWSER)["refreshToken"] for _ in range(8)]


def remember(resource, row):
    if resource == "organizations":
        return  # Whoever asks speaks for one alone.
    for name in ("id", "keyId"):
        value = row.get(name)
        if isinstance(value, str) and value not in SPARED and value not in pools[resource]:
            pools[resource].append(value)
    if isinstance(row.get("host"), str):
        hosts.append(row["host"])


def read_lists():
    document = get("/api/v1/openapi.json")
    pools["organizations"] = [ORGANIZATION]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in body:
                examples[(method, path)] = body["example"]
            if operation.get("x-person") or operation.get("x-required-scope") in ("person:write", "organization:write"):
                of_people.add((method, path))
        address = path.replace("/organizations/{id}", f"/organizations/{ORGANIZATION}")
        if "get" in item and "{" not in address:
            try:
                answer = get(address + "?limit=100")
            except (OSError, ValueError):
                continue  # Not a list.
            for row in answer.get("data", []) if isinstance(answer, dict) else []:
                if isinstance(row, dict):
                    remember(path.split("/")[-1], row)


read_lists()


def pool_of(name):
    """The ids that a field's name asks for: `siteId` → sites, `notificationId` → deliveries."""
    stem = re.sub(r"Ids?$", "", name)
    if stem == "person":
        return pools["people"]
    if stem == "notification":
        stem = "delivery"
    stem = re.sub(r"([A-Z])", r"-\1", stem).lower()
    plural = stem[:-1] + "ies" if stem.endswith("y") and not stem.endswith("ey") else stem + "s"
    # `keyId` → api-keys, `endpointId` → webhook-endpoints.
    fitting = [resource for resource in pools if resource == plural or resource.endswith("-" + plural)]
    return [value for resource in fitting for value in pools[resource]]


def pick(pool):
    # Newest first, mostly: what has just been made can still be changed.
    return pool[-1] if chance.random() < 0.2 else chance.choice(pool)


PLAUSIBLE = {
    "amount": lambda: chance.choice([None, 100, 1000]),
    "captureMethod": lambda: "automatic",
    "code": lambda: f"CODE{chance.randrange(10**9)}",
    "country": lambda: "DE",
    "currency": lambda: "EUR",
    "domain": lambda: chance.choice(hosts) if hosts else "pay.example.com",
    "email": lambda: "customer@example.com",
    "eventTypes": lambda: ["session.completed"],
    "expiresAt": lambda: None,
    "expiresIn": lambda: 3600,
    "effectiveAt": lambda: None,
    "from": lambda: "2020-01-01",
    "host": lambda: f"pay{chance.randrange(10**6)}.example.com",
    "allowedNetworks": lambda: [],
    "browser": lambda: BROWSER,
    "language": lambda: "en",
    "mode": lambda: "test",
    "origins": lambda: ["https://shop.example.com"],
    "overlapSeconds": lambda: 60,
    "quantity": lambda: 1,
    "reason": lambda: "Example",
    "refreshToken": lambda: refresh_tokens.pop() if refresh_tokens else None,
    "role": lambda: chance.choice(["viewer", "editor", "admin"]),
    "scopes": lambda: ["checkout:read"],
    "since": lambda: "2020-01-01T00:00:00Z",
    "to": lambda: "2099-01-01",
    "type": lambda: "sandbox",
    "vatRate": lambda: "19",
}


def plausible(name, value):
    pool = pool_of(name) if re.search(r"Ids?$", name) else []
    if pool:
        return [pick(pool)] if name.endswith("Ids") else pick(pool)
    if name in PLAUSIBLE:
        return PLAUSIBLE[name]()
    if name.endswith("Url") or name == "url":
        return "https://shop.example.com/" + name
    return value


def mend(value):
    if isinstance(value, dict):
        return {name: plausible(name, mend(inner)) for name, inner in value.items()}
    if isinstance(value, list):
        return [mend(inner) for inner in value]
    return value


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.operation.path
    operation = (case.operation.method.lower(), path)
    who = TOKEN if operation in of_people else KEY
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {who}"}
    # An error's answers must be documented, too: one case in six keeps what was generated.
    if chance.random() < 1 / 6:
        return
    for name in list(case.path_parameters or {}):
        before = path.split("{" + name + "}")[0].rstrip("/").split("/")[-1]
        pool = pools.get(before, []) if name == "id" else pool_of(name)
        if PAIRS.get(before):
            whole, part = chance.choice(PAIRS[before])
            case.path_parameters.update({"id": whole, name: part})
            continue
        if pool:
            case.path_parameters[name] = pick(pool)
    if isinstance(case.query, dict):
        case.query.pop("after", None)
        for name in list(case.query):
            if name == "page":
                case.query[name] = 1
            elif name not in ("limit", "metadata") and not name.startswith("metadata["):
                new = plausible(name, case.query[name])
                # A filter whose words are not known stands in for no filter.
                case.query[name] = new if new != case.query[name] else ""
    if isinstance(case.headers, dict) or case.headers:
        for name in list(case.headers):
            if name.lower() == "idempotency-key":
                case.headers[name] = f"key-{chance.randrange(10**12)}"
    example = examples.get(operation)
    if path.endswith("/auth/login"):
        case.body = {"email": EMAIL, "password": PASSWORD, "browser": BROWSER}
    elif example is not None and chance.random() < 0.6:
        case.body = json.loads(json.dumps(example))
    elif isinstance(case.body, dict):
        case.body = mend(case.body)


@schemathesis.hook
def after_call(context, case, response):
    statuses[f"{case.operation.method.upper()} {case.operation.path}"][str(response.status_code)] += 1
    if response.status_code in (200, 201):
        try:
            row = response.json()
        except ValueError:
            return
        if isinstance(row, dict) and isinstance(row.get("refreshToken"), str):
            refresh_tokens.append(row["refreshToken"])
        elif isinstance(row, dict) and response.status_code == 201:
            remember(case.operation.path.rstrip("/").split("/")[-1], row)


# What belongs to a transaction: its id and the part's, by the part's name in paths.
PAIRS = {
    "notifications": [
        (row["transactionId"], row["id"])
        for row in get("/api/v1/deliveries?limit=100")["data"]
        if row.get("transactionId") and row.get("kind") == "ipn"
    ],
}
PAYMENTS = [row for page in (1, 2) for row in get(f"/api/v1/transactions?limit=100&page={page}")["data"]]
for name in ("refunds", "confirmations"):
    PAIRS[name] = [(row["id"], part["id"]) for row in PAYMENTS for part in row.get(name) or []]


@atexit.register
def write():
    with open(os.environ["SCHEMA_STATUSES"], "w") as out:
        json.dump(statuses, out, indent=1, sort_keys=True)
