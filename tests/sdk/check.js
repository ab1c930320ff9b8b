// Signs and verifies with Node's standard library and with the official SDKs. Reads a JSON array of questions
// from standard input, answers with a JSON array: `{ok: …}` or `{refused: "<why>"}` for each.
"use strict";

const crypto = require("node:crypto");
const gocardless = require("gocardless-nodejs/webhooks");
const { Webhook } = require("standardwebhooks");
const Stripe = require("stripe");

// No request is ever made with it.
const stripe = new Stripe("sk_test_example");

const body = (question) => Buffer.from(question.body, "base64");

const hmac = (question, ...parts) => {
  const mac = crypto.createHmac("sha256", question.secret);
  for (const part of parts) mac.update(part);
  return mac;
};

const operations = {
  "ipn.verify": (question) => {
    const expected = hmac(question, `${question.timestamp}.`, body(question)).digest();
    const given = Buffer.from(question.signature, "hex");
    if (question.signature !== question.signature.toLowerCase()) throw new Error("not lower case");
    if (given.length !== expected.length || !crypto.timingSafeEqual(given, expected)) {
      throw new Error("no match");
    }
    return true;
  },
  "standard.verify": (question) => {
    new Webhook(question.secret).verify(body(question), question.headers, { jsonParse: false });
    return true;
  },
  "standard.sign": (question) =>
    new Webhook(question.secret).sign(question.id, new Date(question.timestamp * 1000), body(question)),
  "stripe.verify": (question) =>
    stripe.webhooks.constructEvent(body(question), question.header, question.secret).id,
  "stripe.sign": (question) =>
    stripe.webhooks.generateTestHeaderString({
      payload: body(question).toString("utf8"),
      secret: question.secret,
      timestamp: question.timestamp,
    }),
  "gocardless.verify": (question) =>
    gocardless.parse(body(question), question.secret, question.header).map((event) => event.id),
  // The SDK only verifies; what it accepts is what it would have signed.
  "gocardless.sign": (question) => {
    const header = hmac(question, body(question)).digest("hex");
    gocardless.verifySignature(body(question), question.secret, header);
    return header;
  },
};

let input = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", () => {
  const answers = JSON.parse(input).map((question) => {
    const operation = operations[question.operation];
    if (!operation) throw new Error(`unknown operation ${question.operation}`);
    try {
      return { ok: operation(question) };
    } catch (error) {
      return { refused: String(error.message || error) };
    }
  });
  process.stdout.write(JSON.stringify(answers));
});
