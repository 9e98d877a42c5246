//! A plain encoder: each rule as it is told, one line after the other, nothing kept, nothing fast.

use exposition::{Escaping, Format, Syntax};
use metrics_core::{Exemplar, FamilySnapshot, Kind, Label, Sample, Snapshot, number};

pub(crate) fn page(format: Format, snapshot: &Snapshot) -> Vec<u8> {
    let openmetrics = format.syntax == Syntax::OpenMetrics1;
    let escaping = match format.escaping {
        Escaping::AllowUtf8 if format.syntax == Syntax::Text0 => Escaping::Underscores,
        escaping => escaping,
    };
    let mut page = Vec::new();
    for family in &snapshot.families {
        page.extend(if openmetrics {
            openmetrics_family(family, escaping)
        } else {
            text_family(family, escaping)
        });
    }
    if openmetrics {
        page.extend(b"# EOF\n");
    }
    page
}

fn text_family(family: &FamilySnapshot, escaping: Escaping) -> Vec<u8> {
    let bare = is_bare(family);
    let (suffix, word) = match family.kind {
        Kind::Counter => (if bare { "" } else { "_total" }, "counter"),
        Kind::Info => ("_info", "gauge"),
        Kind::StateSet | Kind::Gauge => ("", "gauge"),
        Kind::Histogram | Kind::GaugeHistogram => ("", "histogram"),
        Kind::Summary => ("", "summary"),
        _ => ("", "untyped"),
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    let comments = |suffix: &str, word: &str| {
        let name = family_name(family, suffix, escaping);
        format!("# HELP {name} {help}\n# TYPE {name} {word}\n").into_bytes()
    };
    let mut page = comments(suffix, word);
    let moved: &[&str] = match family.kind {
        Kind::GaugeHistogram => &["_created", "_gcount", "_gsum"],
        _ => &["_created"],
    };
    let is_moved_to =
        |sample: &Sample, suffix: &str| *sample.series.name == format!("{}{suffix}", family.name);
    for sample in &family.samples {
        if !moved.iter().any(|suffix| is_moved_to(sample, suffix)) {
            page.extend(text_line(family, sample, escaping));
        }
    }
    for suffix in moved {
        let samples: Vec<&Sample> =
            family.samples.iter().filter(|sample| is_moved_to(sample, suffix)).collect();
        if !samples.is_empty() {
            page.extend(comments(suffix, "gauge"));
        }
        for sample in samples {
            page.extend(text_line(family, sample, escaping));
        }
    }
    page
}

fn text_line(family: &FamilySnapshot, sample: &Sample, escaping: Escaping) -> Vec<u8> {
    let mut line = series(family, sample, escaping);
    line.extend(number(sample.value));
    if let Some(time) = sample.timestamp.filter(|time| time.is_finite()) {
        line.extend(format!(" {}", (time * 1000.0).round() as i64).bytes());
    }
    line.push(b'\n');
    line
}

fn openmetrics_family(family: &FamilySnapshot, escaping: Escaping) -> Vec<u8> {
    let kind = if is_bare(family) { Kind::Unknown } else { family.kind };
    let name = family_name(family, "", escaping);
    let help = quotable(family.help.as_bytes());
    let mut page = format!("# HELP {name} ").into_bytes();
    page.extend(help);
    page.extend(format!("\n# TYPE {name} {kind}\n").bytes());
    if let Some(unit) = &family.unit {
        let plain = name.trim_end_matches('"');
        let fits = plain.ends_with(&format!("_{unit}")) && is_legacy(unit, true);
        if fits && kind != Kind::Info && kind != Kind::StateSet {
            page.extend(format!("# UNIT {name} {unit}\n").bytes());
        }
    }
    for sample in &family.samples {
        page.extend(series(family, sample, escaping));
        page.extend(number(sample.value));
        page.extend(seconds(sample.timestamp));
        let may_have = match kind {
            Kind::Counter => sample.series.name.ends_with("_total"),
            Kind::Histogram | Kind::GaugeHistogram => sample.series.name.ends_with("_bucket"),
            _ => false,
        };
        if let Some(Exemplar { labels: its_labels, value, timestamp }) = sample.exemplar.as_deref() {
            let length: usize =
                its_labels.iter().map(|l| l.name.chars().count() + l.value_text().chars().count()).sum();
            if may_have && length <= 128 {
                page.extend(b" # {");
                page.extend(labels(its_labels, escaping));
                page.extend(b"} ");
                page.extend(number(*value));
                page.extend(seconds(*timestamp));
            }
        }
        page.push(b'\n');
    }
    page
}

fn seconds(time: Option<f64>) -> Vec<u8> {
    match time.filter(|time| time.is_finite()) {
        Some(time) if time.fract() == 0.0 => format!(" {time}.0").into_bytes(),
        Some(time) => format!(" {time}").into_bytes(),
        None => Vec::new(),
    }
}

fn is_bare(family: &FamilySnapshot) -> bool {
    family.kind == Kind::Counter
        && family.samples.first().map_or(family.bare, |sample| *sample.series.name == *family.name)
}

/// The name of the family with a suffix. Of counters and infos the suffix belongs to the name, and only then
/// is escaped with it; all else gets it behind.
fn family_name(family: &FamilySnapshot, suffix: &str, escaping: Escaping) -> String {
    let own_suffix = match family.kind {
        Kind::Counter if !is_bare(family) => "_total",
        Kind::Info => "_info",
        _ => "",
    };
    let whole = name(&format!("{}{own_suffix}", family.name), true, escaping);
    let (stem, quote) = match whole.strip_suffix('"') {
        Some(stem) => (stem, "\""),
        None => (&*whole, ""),
    };
    let stem = stem.strip_suffix(own_suffix).unwrap();
    format!("{stem}{suffix}{quote}")
}

fn series(family: &FamilySnapshot, sample: &Sample, escaping: Escaping) -> Vec<u8> {
    const SUFFIXES: [&str; 8] =
        ["_total", "_bucket", "_sum", "_count", "_info", "_created", "_gcount", "_gsum"];
    let plain = &*sample.series.name;
    let name = match plain.strip_prefix(&*family.name).filter(|suffix| SUFFIXES.contains(suffix)) {
        Some(suffix) => family_name(family, suffix, escaping),
        _ => name(plain, true, escaping),
    };
    let labels = labels(&sample.series.labels, escaping);
    let mut text = Vec::new();
    if name.starts_with('"') {
        text.extend(format!("{{{name}").bytes());
        if !labels.is_empty() {
            text.push(b',');
        }
        text.extend(labels);
        text.push(b'}');
    } else {
        text.extend(name.bytes());
        if !labels.is_empty() {
            text.push(b'{');
            text.extend(labels);
            text.push(b'}');
        }
    }
    text.push(b' ');
    text
}

fn labels(labels: &[Label], escaping: Escaping) -> Vec<u8> {
    let label = |label: &Label| {
        let mut text = name(&label.name, false, escaping).into_bytes();
        text.extend(b"=\"");
        text.extend(quotable(&label.value));
        text.push(b'"');
        text
    };
    labels.iter().map(label).collect::<Vec<_>>().join(&b","[..])
}

fn quotable(text: &[u8]) -> Vec<u8> {
    let escape = |&byte: &u8| match byte {
        b'\\' => b"\\\\".to_vec(),
        b'\n' => b"\\n".to_vec(),
        b'"' => b"\\\"".to_vec(),
        byte => vec![byte],
    };
    text.iter().flat_map(escape).collect()
}

fn is_legacy(name: &str, metric: bool) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && metric);
    !name.is_empty() && name.chars().all(inside) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn name(name: &str, metric: bool, escaping: Escaping) -> String {
    if escaping != Escaping::Dots && is_legacy(name, metric) {
        return name.to_owned();
    }
    let characters = name.chars().enumerate();
    let map = |replace: fn(char) -> String| -> String {
        characters
            .map(|(at, c)| match c {
                '_' => replace('_'),
                c if is_legacy(&format!("{}{c}", if at == 0 { "" } else { "a" }), metric) => c.to_string(),
                c => replace(c),
            })
            .collect()
    };
    match escaping {
        Escaping::AllowUtf8 => format!("\"{}\"", String::from_utf8(quotable(name.as_bytes())).unwrap()),
        Escaping::Underscores => map(|_| "_".to_owned()),
        Escaping::Dots => map(|c| if c == '.' { "_dot_".to_owned() } else { "__".to_owned() }),
        Escaping::Values => {
            let escaped = map(|c| if c == '_' { "__".to_owned() } else { format!("_{:x}_", u32::from(c)) });
            format!("U__{escaped}")
        }
    }
}
