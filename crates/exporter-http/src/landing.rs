//! The page at `/`, for people.

use crate::Exporter;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}\
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}\
td{padding:.15rem 1.5rem .15rem 0;vertical-align:top}a{color:#0b5cad}\
pre{background:#f3f4f6;padding:.8rem 1rem;overflow-x:auto;border-radius:4px}\
.bad{color:#b3261e}\
@media(prefers-color-scheme:dark){body{color:#e4e6ea;background:#15181c}a{color:#7db7f5}\
pre{background:#22272e}.bad{color:#ff8a80}}";

/// What is served here, where, and whether it works. `host` is what the client called this server.
pub(crate) fn landing_page(exporter: &Exporter, host: Option<&str>) -> String {
    let title = escape(&exporter.options.title);
    let (page, own) = (escape(&exporter.path), escape(&exporter.own_path));
    let host = escape(host.unwrap_or("HOST:PORT"));
    let sources = exporter.collector.sources();
    let sources: String = sources.iter().map(|source| format!("<li>{}</li>", escape(source))).collect();
    let state = match exporter.scrapes.last() {
        None => "Nothing was collected yet.".to_owned(),
        Some(Ok(())) => "The last collection worked.".to_owned(),
        Some(Err(failure)) => {
            format!("<span class=\"bad\">The last collection failed: {}</span>", escape(&failure.to_string()))
        }
    };
    let path_line = if page == "/metrics" { String::new() } else { format!("\n    metrics_path: {page}") };
    format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p>One page of metrics for all processes of</p>
<ul>{sources}</ul>
<p>{state}</p>
<h2>Pages</h2>
<table>
<tr><td><a href=\"{page}\">{page}</a></td><td>the merged metrics, for Prometheus</td></tr>
<tr><td>{page}?name[]=<i>sample</i></td><td>only samples of this name; can be repeated</td></tr>
<tr><td><a href=\"{own}\">{own}</a></td><td>how this exporter itself is doing</td></tr>
<tr><td><a href=\"/-/healthy\">/-/healthy</a></td><td>200 while the exporter runs</td></tr>
<tr><td><a href=\"/-/ready\">/-/ready</a></td><td>200 when the sources can be read, else 503 and why</td></tr>
</table>
<h2>Prometheus</h2>
<pre>scrape_configs:
  - job_name: app{path_line}
    static_configs:
      - targets: [\"{host}\"]</pre>
</body>
</html>
"
    )
}

/// `text` with the characters that mean something in HTML made harmless, in content and in attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
