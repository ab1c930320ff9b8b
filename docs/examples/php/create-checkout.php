<?php
// Creates a checkout and prints the API's answer. PHP 8 or newer, nothing to install.
declare(strict_types=1);

$order = getenv('ORDER') ?: 'ORD-1001';
$shop = getenv('SHOP_URL') ?: 'https://shop.example.com';

$body = [
    'amount' => 4900,
    'currency' => 'EUR',
    'externalReference' => $order,
    'items' => [['description' => 'Professional Plan', 'quantity' => 1, 'unitPrice' => 4900, 'vatRate' => '19']],
    'returnUrl' => "$shop/thanks?transaction={transactionId}",
    'ipnUrl' => "$shop/ipn",
];
$context = stream_context_create(['http' => [
    'method' => 'POST',
    'header' => [
        'Authorization: Bearer ' . getenv('TOLLGATE_KEY'),
        'Content-Type: application/json',
        "Idempotency-Key: create-$order",
    ],
    'content' => json_encode($body, JSON_THROW_ON_ERROR),
    'timeout' => 30,
    'follow_location' => 0,
    'ignore_errors' => true, // The body of an error says what is wrong.
]]);
$url = getenv('TOLLGATE_API') . '/v1/checkouts/' . getenv('TOLLGATE_SITE') . '/create';
$answer = json_decode((string) file_get_contents($url, false, $context), true, 64, JSON_THROW_ON_ERROR);
if (!isset($answer['paymentUrl'])) {
    // `details` names the fields; quote `requestId` when you ask somebody.
    fwrite(STDERR, "{$answer['code']}: {$answer['message']} (request {$answer['requestId']})\n");
    exit(1);
}
echo json_encode($answer, JSON_THROW_ON_ERROR), "\n"; // Send the customer to $answer['paymentUrl'].
