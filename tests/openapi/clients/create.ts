// Creates a checkout with the generated client and prints what it is told.
import { CaptureMethod, CheckoutsApi, Configuration } from "./client/index";

declare const process: { env: Record<string, string> };

const api = new CheckoutsApi(
  new Configuration({ basePath: process.env.TOLLGATE_API, accessToken: process.env.TOLLGATE_KEY }),
);
const externalReference = process.env.REFERENCE;

async function run(): Promise<void> {
  const made = await api.createCheckout({
    siteId: process.env.SITE_ID,
    createCheckout: { amount: 4900, currency: "EUR", externalReference, captureMethod: CaptureMethod.CAPTURE_METHOD_MANUAL },
  });
  const [first] = (await api.listCheckouts({ limit: 1, externalReference })).data;
  console.log(made.id, made.amount, first.status, first.expiresAt > first.createdAt);
}

void run();
