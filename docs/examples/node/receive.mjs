// Receives IPNs at /ipn and webhooks at /webhooks. Node 18 or newer, nothing to install.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const { IPN_SECRET, WEBHOOK_SECRET, PORT = "9000" } = process.env;

const isFresh = (timestamp) =>
  /^\d{1,12}$/.test(timestamp ?? "") && Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300;

// Compares digests, not texts of unknown length, so that the time taken tells nothing.
const same = (expected, given) => given.length === expected.length && timingSafeEqual(given, expected);

function verifyIpn(headers, body) {
  const timestamp = headers["x-signature-timestamp"];
  if (!isFresh(timestamp)) return false;
  // The key is the site's whole secret, whsec_ included; signed are the exact bytes of the body.
  const expected = createHmac("sha256", IPN_SECRET).update(`${timestamp}.`).update(body).digest();
  return same(expected, Buffer.from(headers["x-signature-hmac-sha256"] ?? "", "hex"));
}

function verifyWebhook(headers, body) {
  const [id, timestamp] = [headers["webhook-id"], headers["webhook-timestamp"]];
  if (!id || !isFresh(timestamp)) return false;
  const key = Buffer.from(WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // During a rotation there are several signatures, separated by spaces.
  const signatures = (headers["webhook-signature"] ?? "").split(" ").filter((s) => s.startsWith("v1,"));
  return signatures.some((signature) => same(expected, Buffer.from(signature.slice(3), "base64")));
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const verify = { "/ipn": verifyIpn, "/webhooks": verifyWebhook }[request.url];
  if (!verify?.(request.headers, body)) {
    response.writeHead(verify ? 400 : 404).end();
    return;
  }
  const message = JSON.parse(body);
  // Store first, then answer. A message may come twice, and late: do nothing for a `deliveryId` or `webhook-id`
  // that you know, nor for an `eventVersion` at or below the newest one that you have seen of this transaction.
  console.log(request.url, message.status ?? message.type, message.externalReference ?? "");
  response.writeHead(200).end(); // For an IPN exactly 200.
}).listen(Number(PORT), "127.0.0.1");
