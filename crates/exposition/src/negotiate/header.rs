//! One range of an `Accept` or `Accept-Encoding` header: what it names, its parameters, its quality.

/// `text/plain;version=0.0.4;q=0.3`, taken apart.
pub(super) struct Range<'a> {
    /// What it names; upper and lower case are the same.
    pub(super) name: &'a str,
    parameters: &'a str,
    /// `q` in thousandths: 0 refuses, 1000 where there is none or none that is a number.
    pub(super) quality: u16,
}

impl<'a> Range<'a> {
    fn new(text: &'a str) -> Range<'a> {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mut range = Range { name: name.trim(), parameters, quality: 1000 };
        let quality = range.parameter("q").and_then(|text| text.parse::<f64>().ok());
        if let Some(quality) = quality.filter(|quality| !quality.is_nan()) {
            range.quality = (quality.clamp(0.0, 1.0) * 1000.0).round() as u16;
        }
        range
    }

    /// The value of the first parameter of this name, without quotes.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().trim_matches('"'))
    }
}

/// The ranges of a header, in its order. Never fails: what cannot be understood names nothing that anybody has.
pub(super) fn ranges(header: &str) -> impl DoubleEndedIterator<Item = Range<'_>> {
    header.split(',').map(Range::new)
}
