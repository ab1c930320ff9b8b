//! A passkey in software: makes a key pair, and signs what a browser would hand it (`WebAuthn`, sections 6 and 7).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// User present, user verified.
const PRESENT_AND_VERIFIED: u8 = 0x05;
/// An attested credential follows.
const ATTESTED: u8 = 0x40;

/// An authenticator with one passkey.
pub struct Authenticator {
    key: SigningKey,
    credential: [u8; 16],
    user: String,
    /// Counts signatures, as hardware keys do.
    pub counter: u32,
    /// What it says that its user did.
    pub flags: u8,
    /// The origin that the browser is on.
    pub origin: String,
}

impl Authenticator {
    pub fn new(origin: &str) -> Self {
        let bytes: [u8; 32] = rand::random();
        Self {
            key: SigningKey::from_slice(&bytes).unwrap(),
            credential: rand::random(),
            user: String::new(),
            counter: 1,
            flags: PRESENT_AND_VERIFIED,
            origin: origin.to_owned(),
        }
    }

    /// What signs without asking for a finger or a PIN.
    pub fn without_verification(&mut self) {
        self.flags = 0x01;
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        json!({ "type": kind, "challenge": challenge, "origin": self.origin }).to_string().into_bytes()
    }

    fn data(&self, party: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(party.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The answer to `navigator.credentials.create`.
    pub fn register(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        options["user"]["id"].as_str().unwrap().clone_into(&mut self.user);
        let client = self.client_data("webauthn.create", &options["challenge"]);
        let mut data = self.data(options["rp"]["id"].as_str().unwrap(), self.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(self.credential);
        let point = self.key.verifying_key().to_sec1_point(false);
        // A COSE key: EC2, ES256, P-256, x and y.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(point.x().unwrap());
        data.extend([0x22, 0x58, 0x20]);
        data.extend(point.y().unwrap());
        let mut attestation = vec![0xa3];
        attestation.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData\x58");
        attestation.push(u8::try_from(data.len()).unwrap());
        attestation.extend(data);
        let id = BASE64.encode(self.credential);
        json!({
            "id": id, "rawId": id, "type": "public-key", "extensions": {},
            "response": {
                "attestationObject": BASE64.encode(attestation),
                "clientDataJSON": BASE64.encode(client),
            },
        })
    }

    /// The answer to `navigator.credentials.get`.
    pub fn sign(&mut self, options: &Value) -> Value {
        let options = &options["publicKey"];
        self.counter += 1;
        let client = self.client_data("webauthn.get", &options["challenge"]);
        let data = self.data(options["rpId"].as_str().unwrap(), self.flags);
        let signed = [data.clone(), Sha256::digest(&client).to_vec()].concat();
        let signature: Signature = self.key.sign(&signed);
        let id = BASE64.encode(self.credential);
        json!({
            "id": id, "rawId": id, "type": "public-key", "extensions": {},
            "response": {
                "authenticatorData": BASE64.encode(data),
                "clientDataJSON": BASE64.encode(client),
                "signature": BASE64.encode(signature.to_der()),
                "userHandle": self.user,
            },
        })
    }
}
