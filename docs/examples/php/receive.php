<?php
// Receives IPNs at /ipn and webhooks at /webhooks. PHP 8 or newer, nothing to install.
// To try it: php -S 127.0.0.1:9000 receive.php
declare(strict_types=1);

function header_of(string $name): string
{
    return $_SERVER['HTTP_' . strtoupper(str_replace('-', '_', $name))] ?? '';
}

function is_fresh(string $timestamp): bool
{
    return preg_match('/^[0-9]{1,12}$/D', $timestamp) === 1 && abs(time() - (int) $timestamp) <= 300;
}

function verify_ipn(string $body): bool
{
    $timestamp = header_of('X-Signature-Timestamp');
    // The key is the site's whole secret, whsec_ included; signed are the exact bytes of the body.
    $expected = hash_hmac('sha256', "$timestamp.$body", (string) getenv('IPN_SECRET'));
    return is_fresh($timestamp) && hash_equals($expected, header_of('X-Signature-HMAC-SHA256'));
}

function verify_webhook(string $body): bool
{
    [$id, $timestamp] = [header_of('webhook-id'), header_of('webhook-timestamp')];
    $key = base64_decode(substr((string) getenv('WEBHOOK_SECRET'), strlen('whsec_')));
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    $genuine = false;
    // During a rotation there are several signatures, separated by spaces.
    foreach (explode(' ', header_of('webhook-signature')) as $signature) {
        $genuine = hash_equals($expected, $signature) || $genuine;
    }
    return $id !== '' && is_fresh($timestamp) && $genuine;
}

$body = (string) file_get_contents('php://input');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$genuine = match ($path) {
    '/ipn' => verify_ipn($body),
    '/webhooks' => verify_webhook($body),
    default => null,
};
if ($genuine !== true) {
    http_response_code($genuine === null ? 404 : 400);
    return;
}
$message = json_decode($body, true, 64, JSON_THROW_ON_ERROR);
// Store first, then answer. A message may come twice, and late: do nothing for a `deliveryId` or `webhook-id` that
// you know, nor for an `eventVersion` at or below the newest one that you have seen of this transaction.
// An IPN has a `status`, the test message an `eventType`, and a webhook a `type`.
error_log($path . ' ' . ($message['status'] ?? $message['eventType'] ?? $message['type']));
http_response_code(200); // For an IPN exactly 200.
