//! A real browser: Chromium, driven by the WebDriver protocol, of which here is just enough.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::free_address;
use crate::running::{PATIENCE, Running};
use crate::tools::chromedriver;

/// How long one command may take: more than a browser on a busy machine needs to start.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Keys as WebDriver has them.
///
/// Source: <https://www.w3.org/TR/webdriver2/#keyboard-actions>
pub(crate) mod keys {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const ESCAPE: &str = "\u{e00c}";
    pub(crate) const DOWN: &str = "\u{e015}";
    pub(crate) const DELETE: &str = "\u{e017}";
}

/// A browser with one window, which ends with this.
pub(crate) struct Browser {
    address: SocketAddr,
    session: String,
    _driver: Running,
}

impl Browser {
    /// Starts one; what it prints and keeps is in `directory`.
    pub(crate) fn start(directory: &Path) -> Browser {
        let address = free_address();
        let mut command = chromedriver();
        // Else the profile lands in the directory for temporary files, and stays.
        command.arg(format!("--port={}", address.port())).env("TMPDIR", directory).env("HOME", directory);
        let mut driver = Running::start("chromedriver", &mut command, directory);
        driver.wait_until("start", |_| TcpStream::connect(address).ok());
        let options = json!({
            // Without a sandbox, which root has none of; without shared memory, of which containers have little.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--window-size=1280,900"],
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
            "unhandledPromptBehavior": "ignore",
        } } });
        let begun = command_to(address, "POST", "/session", &wanted);
        let session = begun["sessionId"].as_str().expect("a session has a name").to_owned();
        Browser { address, session, _driver: driver }
    }

    /// Goes to a page, and waits until it is there.
    pub(crate) fn go(&self, url: &str) {
        self.run("POST", "url", &json!({ "url": url }));
    }

    /// As the button back.
    pub(crate) fn back(&self) {
        self.run("POST", "back", &json!({}));
    }

    /// What a function body returns in the page. What it needs comes in `arguments`.
    pub(crate) fn script(&self, body: &str, arguments: &[Value]) -> Value {
        self.run("POST", "execute/sync", &json!({ "script": body, "args": arguments }))
    }

    /// What an expression is in the page, as text.
    pub(crate) fn text(&self, expression: &str) -> String {
        let value = self.script(&format!("return String({expression})"), &[]);
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression in the page is true.
    pub(crate) fn wait_for(&self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        while self.script(&format!("return Boolean({expression})"), &[]) != json!(true) {
            if Instant::now() > until {
                let page = self.text("document.body.innerText");
                panic!("{expression} did not become true within {PATIENCE:?}; the page is\n{page}");
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Presses keys, one after the other: letters, and those of [`keys`].
    pub(crate) fn press(&self, letters: &str) {
        let actions: Vec<Value> = letters
            .chars()
            .flat_map(|key| {
                ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
            })
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.run("POST", "actions", &json!({ "actions": [keyboard] }));
    }

    /// Clicks on the first element of a CSS selector, as a mouse does: it has to be in sight and not behind another.
    pub(crate) fn click(&self, selector: &str) {
        let found = self.run("POST", "element", &json!({ "using": "css selector", "value": selector }));
        let element = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        let element = element.unwrap_or_else(|| panic!("no element {selector}: {found}"));
        self.run("POST", &format!("element/{element}/click"), &json!({}));
    }

    /// What the page, or the browser about it, has complained of since this was last asked.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.run("POST", "se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a log is a list");
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// Whether a dialog of `alert()` is open.
    pub(crate) fn is_alerted(&self) -> bool {
        let path = format!("/session/{}/alert/text", self.session);
        let (status, _) = exchange(self.address, "GET", &path, None);
        status == 200
    }

    /// What the element with the focus says.
    pub(crate) fn focused(&self) -> String {
        self.text("document.activeElement.innerText.replace(/\\s+/g, ' ').trim()")
    }

    fn run(&self, method: &str, path: &str, body: &Value) -> Value {
        command_to(self.address, method, &format!("/session/{}/{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that its driver is killed under would stay.
        let _ = try_exchange(self.address, "DELETE", &format!("/session/{}", self.session), None);
    }
}

/// What the driver says of success; anything else ends the test.
fn command_to(address: SocketAddr, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = exchange(address, method, path, Some(body));
    assert_eq!(status, 200, "{method} {path} {body}: {answer}");
    answer["value"].clone()
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    try_exchange(address, method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// One request on a connection of its own, which the driver leaves open: the answer is as long as it says.
fn try_exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> std::io::Result<(u16, Value)> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json; charset=utf-8\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    let mut reader = BufReader::new(&stream);
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        } else if line.is_empty() {
            break;
        }
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer)?;
    Ok((status, serde_json::from_slice(&answer)?))
}
