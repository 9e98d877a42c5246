//! The web page of the push gateway, in a real browser.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Browser, keys};
use crate::http::page;
use crate::running::Running;
use crate::tools::multiprom;

/// What runs as soon as it is taken for markup.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";

/// A gateway, and a browser that looks at it.
struct Looked {
    browser: Browser,
    address: SocketAddr,
    prefix: &'static str,
    _gateway: Running,
    _directory: TempDir,
}

fn look(prefix: &'static str, groups: &[(Value, String)]) -> Looked {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = multiprom();
    command.args(["push-gateway", "--web.listen-address=127.0.0.1:0", "--web.enable-admin-api"]);
    command.arg(format!("--web.route-prefix={prefix}"));
    let mut gateway = Running::start("gateway", &mut command, directory.path());
    let address = gateway.address("url=");
    push(address, prefix, groups);
    let browser = Browser::start(directory.path());
    let looked = Looked { browser, address, prefix, _gateway: gateway, _directory: directory };
    looked.go("/");
    looked
}

impl Looked {
    fn go(&self, path: &str) {
        self.browser.go(&format!("http://{}{}{path}", self.address, self.prefix));
        if path.starts_with("/?") || path == "/" {
            self.settled();
        }
    }

    /// Waits until the list is that of the API.
    fn settled(&self) {
        self.browser.wait_for("document.querySelector('#groups[aria-busy=false]')");
    }

    /// Waits for what is told of what was found.
    fn found(&self, told: &str) {
        self.browser.wait_for(&format!("document.getElementById('found').textContent === {}", json!(told)));
    }

    fn jobs(&self) -> Vec<String> {
        let jobs =
            "return [...document.querySelectorAll('#groups .chip:first-child bdi')].map(e => e.textContent)";
        let jobs = self.browser.script(jobs, &[]);
        jobs.as_array()
            .expect("a list")
            .iter()
            .map(|job| job.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The jobs that the gateway has.
    fn held(&self) -> Vec<String> {
        let path = format!("{}/api/v1/groups?limit=1000", self.prefix);
        let list: Value = serde_json::from_slice(&page(self.address, &path)).expect("JSON");
        let groups = list["data"]["groups"].as_array().expect("a list").clone();
        groups.iter().map(|group| group["labels"]["job"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

fn push(address: SocketAddr, prefix: &str, groups: &[(Value, String)]) {
    let lines: Vec<String> = groups
        .iter()
        .map(|(labels, metrics)| json!({ "labels": labels, "metrics": metrics }).to_string())
        .collect();
    let body = lines.join("\n");
    let mut stream = TcpStream::connect(address).expect("connect");
    let head = format!(
        "POST {prefix}/api/v1/push HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).expect("push");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn jobs(names: &[&str]) -> Vec<(Value, String)> {
    names.iter().map(|name| (json!({ "job": name }), format!("m{{of=\"{name}\"}} 1\n"))).collect()
}

fn numbered(count: usize) -> Vec<(Value, String)> {
    (0..count)
        .map(|at| (json!({ "job": format!("job-{at:05}"), "zone": "eu" }), "m 1\n".to_owned()))
        .collect()
}

#[test]
fn a_search_is_made_as_one_types_and_the_button_back_takes_it_back() {
    let it = look("", &jobs(&["backup", "Backup-2", "import"]));
    it.found("3 groups");
    assert_eq!(it.jobs(), ["Backup-2", "backup", "import"]);
    it.browser.press("/bacK");
    it.found("2 of 3 groups");
    assert_eq!(it.jobs(), ["Backup-2", "backup"]);
    assert_eq!(it.browser.text("location.search"), "?search=bacK");
    it.browser.press("up-2");
    it.found("1 of 3 groups");
    it.browser.back();
    it.found("2 of 3 groups");
    assert_eq!(it.browser.text("document.getElementById('words').value"), "bacK");
    // Who opens the address of a search sees it.
    it.go("/?search=import&sort=pushed");
    it.found("1 of 3 groups");
    assert_eq!(it.browser.text("document.getElementById('sort').value"), "pushed");
    it.go("/?sort=pushed");
    assert_eq!(it.jobs(), ["import", "Backup-2", "backup"]);
    assert_eq!(it.browser.complaints(), [""; 0]);
}

#[test]
fn a_thousand_groups_are_paged_through() {
    let it = look("", &numbered(1000));
    it.found("1000 groups, 100 on this page");
    let mut seen = it.jobs();
    for at in 1..10 {
        it.browser.click("#next");
        it.browser
            .wait_for(&format!("document.querySelector('#groups bdi').textContent === 'job-{at:03}00'"));
        assert_eq!(it.browser.focused(), format!("job=job-{at:03}00 zone=eu"));
        seen.extend(it.jobs());
    }
    let expected: Vec<String> = (0..1000).map(|at| format!("job-{at:05}")).collect();
    assert_eq!(seen, expected);
    assert_eq!(it.browser.text("document.getElementById('next')"), "null");
    it.browser.back();
    it.browser.wait_for("document.querySelector('#groups bdi').textContent === 'job-00800'");
    it.browser.click("#first");
    it.browser.wait_for("document.querySelector('#groups bdi').textContent === 'job-00000'");
    assert_eq!(it.browser.complaints(), [""; 0]);
}

#[test]
fn a_page_of_ten_thousand_groups_is_small() {
    let it = look("", &numbered(10_000));
    it.found("10000 groups, 100 on this page");
    for path in ["/", "/api/v1/groups", "/static/page.js", "/static/page.css"] {
        let length = page(it.address, path).len();
        assert!(length < 200_000, "{path} has {length} bytes");
    }
    let rows: usize =
        it.browser.text("document.querySelectorAll('li, tr').length").parse().expect("a number");
    assert_eq!(rows, 100);
    let elements: usize = it.browser.text("document.querySelectorAll('*').length").parse().expect("a number");
    assert!(elements < 3000, "{elements} elements");
}

#[test]
fn a_group_opens_to_its_families() {
    let many: String = (0..250).map(|at| format!("many{{n=\"{at:03}\"}} {at}\n")).collect();
    let other = "# HELP h Times.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"10\"} 3\nh_sum 3.5\nh_count 4\n";
    let it = look("", &[(json!({ "job": "j" }), format!("{many}{other}"))]);
    it.browser.click("#groups .group");
    it.browser.wait_for("document.querySelectorAll('details').length === 2");
    let summaries = "[...document.querySelectorAll('summary')].map(e => e.textContent).join('; ')";
    assert_eq!(it.browser.text(summaries), "many untyped 250 series; h histogram 1 series");
    it.browser.click("details:nth-of-type(2) summary");
    it.browser.wait_for("document.querySelector('details table')");
    assert_eq!(it.browser.text("document.querySelector('.help').textContent"), "Times.");
    let rows =
        "[...document.querySelectorAll('tbody tr')].map(e => e.innerText.replace(/\\s+/g, ' ').trim())";
    assert_eq!(it.browser.text(&format!("{rows}.join('; ')")), "le=1 2; le=10 3; sum 3.5; count 4");
    it.browser.click("details:nth-of-type(2) summary");
    it.browser.click("details summary");
    let many = "document.querySelectorAll('details:first-of-type tbody tr').length";
    it.browser.wait_for(&format!("{many} === 100"));
    let further = "details:first-of-type .page button:nth-of-type(2)";
    it.browser.click(further);
    it.browser.wait_for("document.querySelector('.page').innerText.includes('101 to 200 of 250')");
    it.browser.click(further);
    it.browser.wait_for(&format!("{many} === 50"));
    it.browser.click("#groups .group");
    assert_eq!(it.browser.text("document.querySelectorAll('details').length"), "0");
    assert_eq!(it.browser.complaints(), [""; 0]);
}

#[test]
fn a_group_is_deleted_after_asking_and_kept_where_that_is_cancelled() {
    let it = look("", &jobs(&["a", "b", "c"]));
    it.browser.click("#groups li:nth-child(2) .delete");
    it.browser.wait_for("document.querySelector('dialog[open]')");
    let asked = it.browser.text("document.querySelector('dialog').innerText");
    assert!(asked.starts_with("Delete this group?") && asked.contains("job=b"), "{asked}");
    it.browser.click("dialog .cancel");
    it.browser.wait_for("!document.querySelector('dialog')");
    assert_eq!(it.held(), ["a", "b", "c"]);
    it.browser.click("#groups li:nth-child(2) .delete");
    it.browser.click("dialog .sure");
    it.found("2 groups; deleted 1 group");
    assert_eq!(
        (it.jobs(), it.held()),
        (vec!["a".to_owned(), "c".to_owned()], vec!["a".to_owned(), "c".to_owned()])
    );
    assert_eq!(it.browser.complaints(), [""; 0]);
}

#[test]
fn all_that_a_search_finds_is_deleted_once_its_number_is_typed() {
    let it = look("", &jobs(&["kept", "test-1", "test-2", "test-3"]));
    assert_eq!(it.browser.text("document.getElementById('delete-found').hidden"), "true");
    it.browser.press("/test-");
    it.found("3 of 4 groups");
    it.browser.click("#delete-found");
    it.browser.wait_for("document.querySelector('dialog[open]')");
    let sure = "document.querySelector('dialog .sure').disabled";
    assert_eq!(it.browser.text(sure), "true");
    it.browser.press("4");
    assert_eq!(it.browser.text(sure), "true");
    // One that came meanwhile is not deleted unseen.
    push(it.address, "", &jobs(&["test-4"]));
    it.browser.press("\u{e003}3");
    it.browser.press(keys::ENTER);
    it.browser.wait_for("document.querySelector('dialog .failed').textContent.includes('none was deleted')");
    assert_eq!(it.held().len(), 5);
    it.browser.press(keys::ESCAPE);
    it.browser.wait_for("!document.querySelector('dialog')");
    it.browser.click("#delete-found");
    it.browser.wait_for("document.querySelector('dialog[open]')");
    it.browser.press("4");
    it.browser.press(keys::ENTER);
    it.found("0 of 1 group; deleted 4 groups");
    assert_eq!(it.held(), ["kept"]);
}

#[test]
fn all_groups_are_wiped_once_that_is_typed() {
    let it = look("/a/b", &jobs(&["a", "b"]));
    it.browser.click("#wipe");
    it.browser.wait_for("document.querySelector('dialog[open]')");
    it.browser.press("wipe");
    it.browser.press(keys::ENTER);
    it.found("0 groups");
    assert_eq!(it.held(), [""; 0]);
}

#[test]
fn everything_is_done_without_a_mouse() {
    let it = look("", &jobs(&["a", "b", "c", "d"]));
    it.browser.press("?");
    it.browser.wait_for("document.querySelector('#keys[open]')");
    it.browser.press(keys::ESCAPE);
    it.browser.wait_for("!document.querySelector('dialog')");
    it.browser.press("/");
    assert_eq!(it.browser.text("document.activeElement.id"), "words");
    it.browser.press(keys::DOWN);
    assert_eq!(it.browser.focused(), "job=a");
    it.browser.press("jjk");
    assert_eq!(it.browser.focused(), "job=b");
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(it.browser.text(outline), "solid");
    it.browser.press(keys::ENTER);
    it.browser.wait_for("document.querySelector('details[open] tbody td')");
    assert_eq!(it.browser.text("document.activeElement.getAttribute('aria-expanded')"), "true");
    it.browser.press(keys::ENTER);
    assert_eq!(it.browser.text("document.querySelectorAll('details').length"), "0");
    it.browser.press(keys::DELETE);
    it.browser.wait_for("document.querySelector('dialog[open]')");
    // However often it is moved on, the focus stays in the dialog (or with the browser itself, then body has it).
    for _ in 0..5 {
        let inside = "document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body";
        assert_eq!(it.browser.text(inside), "true");
        it.browser.press(keys::TAB);
    }
    it.browser.press(keys::ESCAPE);
    it.browser.wait_for("!document.querySelector('dialog')");
    assert_eq!(it.browser.focused(), "job=b");
    assert_eq!(it.held(), ["a", "b", "c", "d"]);
    it.browser.press(keys::DELETE);
    it.browser.wait_for("document.querySelector('dialog[open]')");
    // Cancel has the focus.
    it.browser.press(keys::TAB);
    it.browser.press(keys::ENTER);
    it.found("3 groups; deleted 1 group");
    assert_eq!(it.held(), ["a", "c", "d"]);
    assert_eq!(it.browser.focused(), "job=c");
    assert_eq!(it.browser.complaints(), [""; 0]);
}

#[test]
fn hostile_values_are_text() {
    let long = "x".repeat(1 << 20);
    let groups = [
        (json!({ "job": HOSTILE, "q": "\"'`&<b>" }), format!("m{{x=\"{HOSTILE}\"}} 1\n")),
        (
            json!({ "job": "\u{202e}rtl", "z": "\u{5d0}\u{5d1}" }),
            format!("# HELP r {HOSTILE}\n# TYPE r gauge\nr 1\n"),
        ),
        (json!({ "job": "long", "big": long }), format!("m{{x=\"{long}\"}} 1\n")),
    ];
    let it = look("", &groups);
    it.found("3 groups");
    assert_eq!(it.jobs(), [HOSTILE, "long", "\u{202e}rtl"]);
    for at in 1..=3 {
        it.browser.click(&format!("#groups li:nth-child({at}) .group"));
        it.browser.wait_for(&format!("document.querySelector('#groups li:nth-child({at}) tbody td')"));
    }
    it.browser.click("#groups li:first-child .delete");
    it.browser.wait_for("document.querySelector('dialog[open]')");
    assert_eq!(
        it.browser.text("document.querySelectorAll('img, script:not([src]), .chip b b, .help img').length"),
        "0"
    );
    assert!(!it.browser.is_alerted());
    // Nothing is wider than the window, and a long value is not there as a whole.
    let wide = "document.documentElement.scrollWidth > innerWidth";
    assert_eq!(it.browser.text(wide), "false");
    assert!(
        it.browser
            .text("document.body.textContent.length")
            .parse::<usize>()
            .is_ok_and(|length| length < 5000)
    );
    it.browser.click("dialog .sure");
    it.found("2 groups; deleted 1 group");
    it.browser.press("/");
    it.browser.press(HOSTILE);
    it.found("0 of 2 groups");
    it.browser.script("location.reload()", &[]);
    it.found("0 of 2 groups");
    assert_eq!(it.browser.text("document.querySelectorAll('img').length"), "0");
    assert!(!it.browser.is_alerted());
    assert_eq!(it.browser.complaints(), [""; 0]);
}

#[test]
fn it_works_under_a_prefix() {
    let it = look("/push/gateway", &jobs(&["a", "b"]));
    it.found("2 groups");
    it.browser.click("#groups .group");
    it.browser.wait_for("document.querySelector('tbody td')");
    it.browser.press(keys::DELETE);
    it.browser.click("dialog .sure");
    it.found("1 group; deleted 1 group");
    it.browser.click("nav a[href=status]");
    it.browser.wait_for("document.body.innerText.includes('web.route-prefix')");
    it.browser.click("nav a[href='./']");
    it.found("1 group");
    assert_eq!(it.browser.complaints(), [""; 0]);
}
