//! Which format a scraper gets.

use push_groups::PageFormat;

/// The format for an `Accept` header, and its content type.
///
/// As the official gateway (`expfmt.Negotiate`): protobuf where it comes before text, and text for all else, which
/// here means for everybody who can read text, even where OpenMetrics is liked better: the values of `le` and
/// `quantile` are written otherwise there, and Prometheus 2 would see other series than before. Who takes neither text
/// nor everything gets OpenMetrics, and with `prefer_openmetrics` whoever likes it best.
pub(crate) fn page_format(accept: Option<&str>, prefer_openmetrics: bool) -> (PageFormat, &'static str) {
    let mut ranges: Vec<Range> = accept.unwrap_or_default().split(',').filter_map(Range::of).collect();
    ranges.retain(|range| range.quality > 0.0);
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    let of_type = |wanted: fn(Kind) -> bool| ranges.iter().find(|range| wanted(range.kind));
    let first = of_type(|kind| kind != Kind::Other).map(|range| range.kind);
    let first_text_or_protobuf =
        of_type(|kind| matches!(kind, Kind::Text | Kind::Protobuf)).map(|range| range.kind);
    let takes_text = of_type(|kind| matches!(kind, Kind::Text | Kind::Anything)).is_some();
    let takes_openmetrics = of_type(|kind| kind == Kind::OpenMetrics).is_some();
    let format = match first_text_or_protobuf {
        _ if prefer_openmetrics && first == Some(Kind::OpenMetrics) => PageFormat::OpenMetrics,
        Some(Kind::Protobuf) => PageFormat::Protobuf,
        _ if takes_openmetrics && !takes_text => PageFormat::OpenMetrics,
        _ => PageFormat::Text,
    };
    (format, content_type(format))
}

fn content_type(format: PageFormat) -> &'static str {
    match format {
        PageFormat::Text => "text/plain; version=0.0.4; charset=utf-8",
        PageFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        PageFormat::Protobuf => {
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
        }
    }
}

/// What a part of the header names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Protobuf,
    OpenMetrics,
    /// `*/*` or `text/*`
    Anything,
    Other,
}

#[derive(Clone, Copy)]
struct Range {
    kind: Kind,
    quality: f64,
}

impl Range {
    fn of(text: &str) -> Option<Range> {
        let mut pieces = text.split(';').map(str::trim);
        let name = pieces.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let (mut quality, mut version, mut proto, mut encoding) = (1.0, None, None, None);
        for (key, value) in pieces.filter_map(|piece| piece.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match &*key.trim().to_ascii_lowercase() {
                "q" => quality = value.parse().ok().filter(|q: &f64| (0.0..=1.0).contains(q)).unwrap_or(1.0),
                "version" => version = Some(value),
                "proto" => proto = Some(value),
                "encoding" => encoding = Some(value),
                _ => {}
            }
        }
        let is_family = proto == Some("io.prometheus.client.MetricFamily") && encoding == Some("delimited");
        let kind = match &*name {
            "text/plain" if matches!(version, None | Some("" | "0.0.4")) => Kind::Text,
            "application/vnd.google.protobuf" if is_family => Kind::Protobuf,
            "application/openmetrics-text" if !version.is_some_and(|version| version.starts_with("0.")) => {
                Kind::OpenMetrics
            }
            "*/*" | "text/*" => Kind::Anything,
            _ => Kind::Other,
        };
        Some(Range { kind, quality })
    }
}

#[cfg(test)]
mod tests {
    use push_groups::PageFormat::{OpenMetrics, Protobuf, Text};

    use super::page_format;

    #[test]
    fn text_is_for_everybody_who_reads_it() {
        let protobuf =
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,\
                            application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let table = [
            (None, Text, Text),
            (Some("application/json"), Text, Text),
            (Some(prometheus_2), Text, OpenMetrics),
            (Some("application/openmetrics-text"), OpenMetrics, OpenMetrics),
            (Some("application/openmetrics-text;version=1.0.0, text/plain;q=0"), OpenMetrics, OpenMetrics),
            (Some("text/plain, application/openmetrics-text;q=0.9"), Text, Text),
            (Some(protobuf), Protobuf, Protobuf),
            (Some("application/vnd.google.protobuf"), Text, Text),
        ];
        for (accept, expected, preferring) in table {
            assert_eq!(page_format(accept, false).0, expected, "{accept:?}");
            assert_eq!(page_format(accept, true).0, preferring, "{accept:?}");
        }
        let both = format!("{protobuf};q=0.7,{prometheus_2}");
        assert_eq!(page_format(Some(&both), false).0, Protobuf);
        let less = format!("{protobuf};q=0.3,text/plain;version=0.0.4;q=0.5");
        assert_eq!(page_format(Some(&less), false).0, Text);
    }
}
