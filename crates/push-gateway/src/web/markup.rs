//! Text as it stands in HTML, and what is around each page.

use std::borrow::Cow;

/// A text as it stands in HTML, between tags or in double quotes.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out.into()
}

/// A text as it stands in the query of a URL.
pub(super) fn in_query(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A whole page: its title, where it is in the navigation, the path of the metrics seen from it, attributes of the body,
/// and what is in it.
pub(super) fn page(title: &str, is_list: bool, metrics: &str, body: &str, main: &str) -> String {
    let current = |is: bool| if is { " aria-current=\"page\"" } else { "" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"static/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"static/page.css\">\n\
         <script src=\"static/page.js\" defer></script>\n</head>\n<body{body}>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header>\n<h1>Push gateway</h1>\n\
         <nav aria-label=\"Pages\"><a href=\"./\"{}>Groups</a> <a href=\"status\"{}>Status</a> \
         <a href=\"{}\">Metrics</a></nav>\n</header>\n<main id=\"main\">\n{main}</main>\n</body>\n</html>\n",
        current(is_list),
        current(!is_list),
        escaped(metrics),
    )
}
