//! Which form a body has: what its `Content-Type` says.

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Prometheus' text format 0.0.4.
    Text,
    /// A row of `io.prometheus.client.MetricFamily` messages, each behind its length.
    Protobuf,
    /// OpenMetrics 1.0.0, or text that was called so.
    OpenMetrics,
}

impl Syntax {
    /// The form that a `Content-Type` header tells; text where it tells none that is known, or cannot be read.
    ///
    /// As the official push gateway understands it, but for OpenMetrics, which it reads as text.
    ///
    /// ```
    /// use push_groups::Syntax;
    /// let protobuf = "application/vnd.google.protobuf; \
    ///                 proto=io.prometheus.client.MetricFamily; encoding=delimited";
    /// assert_eq!(Syntax::of_content_type(Some(protobuf)), Syntax::Protobuf);
    /// assert_eq!(Syntax::of_content_type(Some("application/vnd.google.protobuf")), Syntax::Text);
    /// assert_eq!(Syntax::of_content_type(None), Syntax::Text);
    /// ```
    pub fn of_content_type(content_type: Option<&str>) -> Syntax {
        let Some(MediaType { name, parameters }) = content_type.and_then(media_type) else {
            return Syntax::Text;
        };
        let says =
            |name: &str, value: &str| parameters.iter().any(|(its, said)| its == name && said == value);
        match &*name {
            "application/openmetrics-text" => Syntax::OpenMetrics,
            "application/vnd.google.protobuf"
                if says("encoding", "delimited") && says("proto", "io.prometheus.client.MetricFamily") =>
            {
                Syntax::Protobuf
            }
            _ => Syntax::Text,
        }
    }
}

struct MediaType {
    /// In lower case.
    name: String,
    /// Names in lower case, each once, and values.
    parameters: Vec<(String, String)>,
}

/// Takes a header apart as Go's `mime.ParseMediaType` does; none where that gives an error. Values in pieces and in
/// other character sets (RFC 2231) are parameters of other names here: nobody sends them.
fn media_type(header: &str) -> Option<MediaType> {
    let (name, mut rest) = header.split_once(';').unwrap_or((header, ""));
    let mut parameters: Vec<(String, String)> = Vec::new();
    while !rest.trim_start().is_empty() {
        let (name, after) = token(rest.trim_start())?;
        let after = after.trim_start().strip_prefix('=')?.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quote) => quoted(quote)?,
            None => token(after).map(|(value, after)| (value.to_owned(), after))?,
        };
        let name = name.to_ascii_lowercase();
        if parameters.iter().any(|(its, _)| *its == name) {
            return None;
        }
        parameters.push((name, value));
        rest = after.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(';')?;
        }
    }
    Some(MediaType { name: name.trim().to_ascii_lowercase(), parameters })
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&byte);
    let end = text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then_some((token, rest))
}

/// What stands before the closing quote, and behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\r' | '\n' => return None,
            // Programs on Windows send paths here: only quotes and backslashes are taken for escaped.
            '\\' if characters.as_str().starts_with(['"', '\\']) => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
