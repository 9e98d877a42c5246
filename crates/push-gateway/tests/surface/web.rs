//! The page for people, as a browser gets it before any script runs, and what its script asks for.

use serde_json::{Value, json};

use crate::client::{Served, gateway};

/// What runs as soon as it is taken for markup.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&";

/// Makes a group, of any labels.
fn push(served: &Served, labels: Value, metrics: &str) {
    let line = json!({ "labels": labels, "metrics": metrics }).to_string();
    let answer = served.ask("POST", "/api/v1/push", &[], &line);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn the_page_can_be_read_without_a_script() {
    let served = gateway(|_, _| {});
    push(&served, json!({ "job": "backup", "instance": "db1" }), "a 1\na{x=\"1\"} 2\nb 1\n");
    let page = served.get("/");
    assert_eq!(header(&page.head, "content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    let chips = "<span class=\"chip\"><b>job</b>=<bdi>backup</bdi></span> \
                 <span class=\"chip\"><b>instance</b>=<bdi>db1</bdi></span> </a>";
    for part in [chips, "2 families, 3 series", "role=\"status\">1 group</p>", "2026-01-01T00:00:00"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn links_lead_through_all_pages_of_a_search() {
    let served = gateway(|_, _| {});
    for at in 0..250 {
        push(&served, json!({ "job": format!("job-{at:03}") }), "");
    }
    push(&served, json!({ "job": "other" }), "");
    let (mut path, mut jobs, mut pages) = ("/?search=JOB-&sort=pushed".to_owned(), Vec::new(), 0);
    loop {
        let page = served.get(&path);
        assert!(page.body.len() < 200_000, "{} bytes", page.body.len());
        let text = page.text();
        assert!(text.contains("250 of 251 groups, "), "{text}");
        jobs.extend(text.split("<b>job</b>=<bdi>").skip(1).map(|rest| rest[..7].to_owned()));
        pages += 1;
        let Some((_, next)) = text.split_once("id=\"next\" href=\".") else { break };
        path = next[..next.find('"').unwrap()].replace("&amp;", "&");
    }
    let expected: Vec<String> = (0..250).rev().map(|at| format!("job-{at:03}")).collect();
    assert_eq!((pages, jobs), (3, expected));
}

#[test]
fn what_was_pushed_is_never_markup() {
    let served = gateway(|options, _| options.flags = vec![("web.x".to_owned(), HOSTILE.to_owned())]);
    push(&served, json!({ "job": HOSTILE }), "");
    let in_query = "%3Cimg%20src=x%20onerror=alert(1)%3E%22'%26";
    let escaped = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;";
    for path in ["/".to_owned(), format!("/?search={in_query}"), "/status".to_owned()] {
        let text = served.get(&path).text();
        assert!(text.contains(escaped) && !text.contains("<img"), "{path}: {text}");
    }
    assert!(served.get(&format!("/?search={in_query}")).text().contains(&format!("value=\"{escaped}\"")));
}

#[test]
fn scripts_and_styles_come_from_files_alone() {
    let served = gateway(|_, _| {});
    for path in ["/", "/status", "/static/page.css", "/static/page.js", "/static/icon.svg"] {
        let got = served.get(path);
        assert_eq!(got.status, 200, "{path}");
        let policy = header(&got.head, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&got.head, "x-content-type-options"), Some("nosniff"), "{path}");
        let text = got.text();
        assert!(
            !text.contains("<style") && !text.contains(" style=") && !text.contains("<script>"),
            "{path}"
        );
    }
    assert_eq!(served.get("/static/other.js").status, 404);
    assert_eq!(served.get("/static/").status, 404);
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let served = gateway(|options, _| options.routes.prefix = "/pg".to_owned());
    let first = served.get("/pg/static/page.js");
    assert_eq!(header(&first.head, "content-type"), Some("text/javascript; charset=utf-8"));
    let tag = header(&first.head, "etag").unwrap();
    for known in [tag.to_owned(), format!("\"x\", W/{tag}")] {
        let again = served.ask("GET", "/pg/static/page.js", &[&format!("If-None-Match: {known}")], "");
        assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
    }
    let other = served.ask("GET", "/pg/static/page.js", &["If-None-Match: \"x\""], "");
    assert_eq!((other.status, other.body), (200, first.body));
}

#[test]
fn a_group_is_opened_a_family_at_a_time() {
    let served = gateway(|_, _| {});
    let many: String = (0..250).map(|at| format!("many{{n=\"{at}\"}} {at}\n")).collect();
    let other = "# HELP h Times.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_sum 3\nh_count 4\n";
    push(&served, json!({ "job": "j" }), &format!("{many}{other}"));
    let id = served.get("/api/v1/groups").json()["data"]["groups"][0]["id"].as_str().unwrap().to_owned();
    let whole = served.get(&format!("/api/v1/group?id={id}")).json()["data"].clone();
    let told = |family: &Value| json!([family["name"], family["type"], family["help"], family["series"]]);
    let families: Vec<Value> = whole["families"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(families, [json!(["many", "UNTYPED", "", 250]), json!(["h", "HISTOGRAM", "Times.", 1])]);
    let page =
        |rest: &str| served.get(&format!("/api/v1/group?id={id}&family={rest}")).json()["data"].clone();
    let histogram = json!([{
        "labels": { "instance": "", "job": "j" }, "buckets": { "1": "2" }, "count": "4", "sum": "3",
    }]);
    assert_eq!(page("h")["family"]["metrics"], histogram);
    let last = page("many&skip=200&limit=100");
    let metrics = last["family"]["metrics"].as_array().unwrap();
    assert_eq!((last["all"].as_u64(), metrics.len()), (Some(250), 50));
    assert_eq!(metrics[0], json!({ "labels": { "instance": "", "job": "j", "n": "200" }, "value": "200" }));
    for (path, status) in [
        (format!("id={id}&family=absent"), 404),
        ("id=0".to_owned(), 404),
        ("id=x".to_owned(), 404),
        (String::new(), 400),
        (format!("id={id}&skip=x"), 400),
    ] {
        assert_eq!(served.get(&format!("/api/v1/group?{path}")).status, status, "{path}");
    }
}

#[test]
fn a_long_label_is_cut_where_that_is_asked_for() {
    let served = gateway(|_, _| {});
    let long = "ä".repeat(1 << 20);
    push(&served, json!({ "job": long }), &format!("m{{x=\"{long}\"}} 1\n"));
    assert!(served.get("/").body.len() < 10_000);
    let list = served.get("/api/v1/groups?label_chars=3").json()["data"]["groups"][0].clone();
    assert_eq!(list["labels"]["job"], "äää… (2097152 bytes)");
    let id = list["id"].as_str().unwrap();
    let family = served.get(&format!("/api/v1/group?id={id}&family=m&label_chars=3"));
    assert_eq!(
        family.json()["data"]["family"]["metrics"][0]["labels"],
        json!({ "instance": "", "job": "äää… (2097152 bytes)", "x": "äää… (2097152 bytes)" })
    );
    // It has a name that fits a URL, so it can go.
    let deleted = served.ask("DELETE", &format!("/api/v1/group?id={id}"), &[], "");
    assert_eq!(deleted.json()["data"]["deleted"], json!([{ "job": long }]));
    assert_eq!(served.ask("DELETE", &format!("/api/v1/group?id={id}"), &[], "").status, 404);
}

#[test]
fn what_a_search_finds_is_deleted_if_it_is_as_many_as_expected() {
    let served = gateway(|_, _| {});
    for at in 0..600 {
        push(&served, json!({ "job": format!("test-{at}") }), "");
    }
    push(&served, json!({ "job": "kept" }), "");
    let ask = |query: &str| served.ask("DELETE", &format!("/api/v1/groups?{query}"), &[], "");
    let dry = ask("search=test-&dry_run=1").json();
    assert_eq!(dry["data"]["groups"].as_array().unwrap().len(), 600);
    let other = ask("search=test-&expect=599");
    assert_eq!(
        (other.status, &*other.text()),
        (409, "599 groups were expected and there are 600; none was deleted\n")
    );
    assert_eq!(ask("search=test-&expect=x").status, 400);
    assert_eq!(ask("search=%20").status, 400);
    let done = ask("search=test-&expect=600").json();
    assert_eq!(done["data"]["deleted"].as_array().unwrap().len(), 600);
    let left = served.get("/api/v1/groups").json()["data"].clone();
    assert_eq!((left["all"].as_u64(), &left["groups"][0]["labels"]["job"]), (Some(1), &json!("kept")));
}

#[test]
fn pages_of_other_sites_may_not_delete() {
    let served = gateway(|options, _| options.routes.admin = true);
    push(&served, json!({ "job": "j" }), "");
    let id = served.get("/api/v1/groups").json()["data"]["groups"][0]["id"].as_str().unwrap().to_owned();
    let requests = [
        ("DELETE", format!("/api/v1/group?id={id}")),
        ("DELETE", "/api/v1/groups?search=j".to_owned()),
        ("PUT", "/api/v1/admin/wipe".to_owned()),
    ];
    let foreign =
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: http://y", "Origin: null"];
    for (method, path) in &requests {
        for line in foreign {
            assert_eq!(served.ask(method, path, &[line], "").status, 403, "{method} {path} {line}");
        }
    }
    assert_eq!(served.get("/api/v1/groups").json()["data"]["all"], 1);
    let own = ["Sec-Fetch-Site: same-origin", "Origin: http://x"];
    assert_eq!(served.ask("DELETE", &requests[0].1, &own, "").status, 200);
    push(&served, json!({ "job": "j" }), "");
    assert_eq!(served.ask("DELETE", &requests[1].1, &["Origin: http://x"], "").status, 200);
    assert_eq!(served.ask("PUT", &requests[2].1, &[], "").status, 202);
}

#[test]
fn the_status_page_tells_what_the_gateway_is() {
    let served =
        gateway(|options, _| options.flags = vec![("web.listen-address".to_owned(), ":9091".to_owned())]);
    let text = served.get("/status").text();
    for row in [
        "<tr><th scope=\"row\">Health</th><td>healthy</td></tr>",
        "<tr><th scope=\"row\">Store</th><td>answers</td></tr>",
        "<tr><th scope=\"row\">Admin API</th><td>disabled</td></tr>",
        "<tr><th scope=\"row\">web.listen-address</th><td>:9091</td></tr>",
        concat!("<tr><th scope=\"row\">Version</th><td>", env!("CARGO_PKG_VERSION"), "</td></tr>"),
    ] {
        assert!(text.contains(row), "{row} is missing in {text}");
    }
}
