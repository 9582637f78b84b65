//! Chromium without a window, driven over the DevTools protocol.
//!
//! Commands and events are JSON with a NUL behind each, over a pair of pipes that a shell puts where Chromium looks for
//! them: no port is open, and no websocket is needed. What the browser complains about is kept for the test to look at.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use rssd::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{command, program};
use crate::support::{HANG_GUARD, Home};

pub(super) struct Browser {
    child: Child,
    to: ChildStdin,
    /// Commands' answers and events, as they come.
    messages: Receiver<Value>,
    last_id: u64,
    events: Vec<Value>,
    /// Where its profile is.
    _profile: TempDir,
}

/// One tab, with everything that a page could be blamed for reported.
pub(super) struct Tab {
    browser: Browser,
    session: String,
}

/// Descriptor 3 is what it reads, 4 what it writes.
const PIPES: &str = r#"exec 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null; exec "$@""#;

/// None of them may ask anybody else; what is no address of this machine is not found.
const ARGUMENTS: [&str; 17] = [
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--metrics-recording-only",
    "--window-size=1280,900",
];

impl Browser {
    /// `None` where there is none and need not be.
    fn start(home: &Home) -> Option<Browser> {
        let chromium = program("chromium")?;
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let mut shell: Command = command(home, "sh".as_ref());
        shell.args(["-c", PIPES, "sh"]).arg(chromium).args(ARGUMENTS);
        shell.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let (to, from) = (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("Chromium sends JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Some(Browser { child, to, messages, last_id: 0, events: Vec::new(), _profile: profile })
    }

    fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params }).to_string().into_bytes();
        if let Some(session) = session {
            message.pop();
            message.extend_from_slice(format!(",\"sessionId\":\"{session}\"}}").as_bytes());
        }
        message.push(0);
        self.to.write_all(&message).unwrap_or_else(|error| panic!("tell Chromium {method}: {error}"));
        let deadline = Clock::monotonic() + HANG_GUARD;
        loop {
            let left = deadline.saturating_duration_since(Clock::monotonic());
            let answer = match self.messages.recv_timeout(left) {
                Ok(answer) if answer["id"] == self.last_id => answer,
                Ok(event) => {
                    self.events.push(event);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => panic!("Chromium did not answer {method} within {HANG_GUARD:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("Chromium ended before it answered {method}"),
            };
            // It left the page while it was asked: nothing is true of a page that is not there.
            if answer["error"]["message"] == "Inspected target navigated or closed" {
                return Value::Null;
            }
            assert!(answer.get("error").is_none(), "{method} {params}: {answer}");
            return answer["result"].clone();
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its helpers end with it. Both fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tab {
    /// `None` where there is no Chromium and need not be one.
    pub(super) fn open(home: &Home) -> Option<Tab> {
        let mut browser = Browser::start(home)?;
        let target = browser.call(None, "Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = browser.call(None, "Target.attachToTarget", attach)["sessionId"].clone();
        let mut tab = Tab { browser, session: session.as_str().expect("a session has a name").to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network", "Audits"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        Some(tab)
    }

    pub(super) fn call(&mut self, method: &str, params: Value) -> Value {
        self.browser.call(Some(&self.session), method, params)
    }

    /// Loads an address, until everything on it has loaded.
    pub(super) fn load(&mut self, url: &str) {
        let answer = self.call("Page.navigate", json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.until(
            &format!("{url} to load"),
            &format!("document.readyState === 'complete' && location.href === {}", json!(url)),
        );
    }

    /// What an expression is, promises awaited.
    pub(super) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(super) fn until(&mut self, what: &str, expression: &str) {
        let deadline = Clock::monotonic() + HANG_GUARD;
        loop {
            // A page that is being left has no context to ask.
            let params = json!({ "expression": expression, "returnByValue": true });
            if self.call("Runtime.evaluate", params)["result"]["value"] == true {
                return;
            }
            let now = if Clock::monotonic() < deadline { String::new() } else { self.text() };
            assert!(Clock::monotonic() < deadline, "waited {HANG_GUARD:?} for {what}: {now}");
            thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }

    /// What a person reads on the page.
    pub(super) fn text(&mut self) -> String {
        self.eval("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Types into what has the focus.
    pub(super) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    pub(super) fn press(&mut self, key: &str, code: u32, text: &str) {
        let params =
            |kind: &str| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", params("keyDown"));
        self.call("Input.dispatchKeyEvent", params("keyUp"));
    }

    /// All events of this name so far.
    pub(super) fn events(&self, method: &str) -> impl Iterator<Item = &Value> {
        self.browser.events.iter().filter(move |event| event["method"] == method).map(|event| &event["params"])
    }

    /// What is wrong with all that was loaded: exceptions, complaints of the console, violations of a policy, dialogs,
    /// requests to anybody but `origin`.
    pub(super) fn complaints(&mut self, origin: &str) -> Vec<String> {
        // What it has to say of the past is said before it answers.
        self.eval("0");
        let mut complaints = Vec::new();
        for name in ["Runtime.exceptionThrown", "Page.javascriptDialogOpening"] {
            complaints.extend(self.events(name).map(|event| format!("{name} {event}")));
        }
        let is_loud = |kind: &Value| ["error", "warning", "assert"].iter().any(|loud| kind == loud);
        let console = self.events("Runtime.consoleAPICalled").filter(|event| is_loud(&event["type"]));
        complaints.extend(console.map(|event| format!("console: {event}")));
        let log = self.events("Log.entryAdded").filter(|event| is_loud(&event["entry"]["level"]));
        complaints.extend(log.map(|event| format!("log: {event}")));
        complaints.extend(self.events("Audits.issueAdded").map(|event| format!("issue: {event}")));
        let asked = self.events("Network.requestWillBeSent").filter_map(|event| event["request"]["url"].as_str());
        let away = |url: &&str| !url.starts_with(&format!("{origin}/"));
        complaints.extend(asked.filter(away).map(|url| format!("it asked {url}")));
        complaints
    }
}
