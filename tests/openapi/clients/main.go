// Creates a checkout with the generated client and prints what it is told.
package main

import (
	"context"
	"fmt"
	"os"

	client "tollgate.test/client"
)

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Getenv("TOLLGATE_API")}}
	api := client.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), client.ContextAccessToken, os.Getenv("TOLLGATE_KEY"))

	body := client.NewCreateCheckout()
	body.SetAmount(4900)
	body.SetCurrency("EUR")
	body.SetExternalReference(os.Getenv("REFERENCE"))
	body.SetCaptureMethod(client.CAPTURE_METHOD_MANUAL)
	made, _, err := api.CheckoutsAPI.CreateCheckout(ctx, os.Getenv("SITE_ID")).CreateCheckout(*body).Execute()
	if err != nil {
		fail(err)
	}
	page, _, err := api.CheckoutsAPI.ListCheckouts(ctx).Limit(1).ExternalReference(os.Getenv("REFERENCE")).Execute()
	if err != nil {
		fail(err)
	}
	first := page.Data[0]
	fmt.Println(made.GetId(), made.GetAmount(), first.GetStatus(), first.GetExpiresAt().After(first.GetCreatedAt()))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
