// Creates a checkout with the generated client and prints what it is told.
package test.tollgate;

import test.tollgate.client.ApiClient;
import test.tollgate.client.api.CheckoutsApi;
import test.tollgate.client.model.CaptureMethod;
import test.tollgate.client.model.CheckoutBody;
import test.tollgate.client.model.CheckoutCreated;
import test.tollgate.client.model.CreateCheckout;

public final class Create {
    public static void main(String[] args) throws Exception {
        String reference = System.getenv("REFERENCE");
        ApiClient client = new ApiClient();
        client.setBasePath(System.getenv("TOLLGATE_API"));
        client.setBearerToken(System.getenv("TOLLGATE_KEY"));
        CheckoutsApi api = new CheckoutsApi(client);
        CreateCheckout body = new CreateCheckout()
            .amount(4900L).currency("EUR").externalReference(reference).captureMethod(CaptureMethod.CAPTURE_METHOD_MANUAL);
        CheckoutCreated made = api.createCheckout(System.getenv("SITE_ID"), body, null);
        CheckoutBody first = api.listCheckouts(null, 1, null, null, null, reference, null, null, null, null, null)
            .getData().get(0);
        boolean isLater = first.getExpiresAt().isAfter(first.getCreatedAt());
        System.out.println(made.getId() + " " + made.getAmount() + " " + first.getStatus().getValue() + " " + isLater);
    }
}
