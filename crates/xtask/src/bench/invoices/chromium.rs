//! One headless Chromium, spoken to in DevTools over a pair of pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Printer;
use crate::Outcome;
use crate::bench::report::Latencies;

/// DevTools reads from descriptor 3 and writes to 4; a shell puts our pipes there.
const LAUNCH: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// `%PDF` in base64.
const PDF_BASE64: &str = "JVBER";

/// The browser, with one page open.
pub struct Chromium {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    frame: Value,
    last: u64,
    html: &'static str,
    /// Its profile, gone with it.
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts it.
    pub fn start(html: &'static str) -> Outcome<Self> {
        let profile = tempfile::tempdir()?;
        let mut child = Command::new("sh")
            .args(["-c", LAUNCH, "chromium", "--headless", "--remote-debugging-pipe", "--no-sandbox"])
            .args(["--disable-gpu", "--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a process without its pipes".into());
        };
        let answers = BufReader::new(answers);
        let (session, frame) = (None, Value::Null);
        let mut browser = Self { child, requests, answers, session, frame, last: 0, html, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &attach)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        browser.frame = browser.call("Page.getFrameTree", &json!({}))?["frameTree"]["frame"]["id"].take();
        Ok(browser)
    }

    fn call(&mut self, method: &str, params: &Value) -> Outcome<Value> {
        self.last += 1;
        let mut request = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&request)?;
        bytes.push(0);
        self.requests.write_all(&bytes)?;
        self.requests.flush()?;
        loop {
            let mut message = Vec::new();
            if self.answers.read_until(0, &mut message)? == 0 {
                return Err("Chromium is not there, or has ended".into());
            }
            message.pop();
            let mut message: Value = serde_json::from_slice(&message)?;
            // Between the answers come events.
            if message["id"] == self.last {
                let problem = &message["error"];
                return if problem.is_null() {
                    Ok(message["result"].take())
                } else {
                    Err(problem.to_string().into())
                };
            }
        }
    }
}

impl Printer for Chromium {
    fn round(&mut self, length: Duration) -> Outcome<Latencies> {
        let content = json!({ "frameId": self.frame, "html": self.html });
        let paper = json!({ "printBackground": true, "preferCSSPageSize": true });
        let (begin, mut latencies) = (Instant::now(), Latencies::default());
        while begin.elapsed() < length {
            let start = Instant::now();
            self.call("Page.setDocumentContent", &content)?;
            let pdf = self.call("Page.printToPDF", &paper)?;
            latencies.push(start.elapsed());
            if !pdf["data"].as_str().unwrap_or_default().starts_with(PDF_BASE64) {
                return Err("Chromium printed no PDF".into());
            }
        }
        Ok(latencies)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
