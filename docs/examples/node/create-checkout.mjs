// Creates a checkout and prints the API's answer. Node 18 or newer, nothing to install.
const { TOLLGATE_API, TOLLGATE_KEY, TOLLGATE_SITE } = process.env;
const order = process.env.ORDER ?? "ORD-1001";
const shop = process.env.SHOP_URL ?? "https://shop.example.com";

const response = await fetch(`${TOLLGATE_API}/v1/checkouts/${TOLLGATE_SITE}/create`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${TOLLGATE_KEY}`,
    "Content-Type": "application/json",
    "Idempotency-Key": `create-${order}`,
  },
  body: JSON.stringify({
    amount: 4900,
    currency: "EUR",
    externalReference: order,
    items: [{ description: "Professional Plan", quantity: 1, unitPrice: 4900, vatRate: "19" }],
    returnUrl: `${shop}/thanks?transaction={transactionId}`,
    ipnUrl: `${shop}/ipn`,
  }),
  signal: AbortSignal.timeout(30_000),
});
const answer = await response.json();
if (response.status !== 200) {
  // `details` names the fields; quote `requestId` when you ask somebody.
  console.error(`${answer.code}: ${answer.message} (request ${answer.requestId})`, answer.details);
  process.exit(1);
}
console.log(JSON.stringify(answer)); // Send the customer to answer.paymentUrl.
