//! The formats of a page: a syntax, and how it prints names.

/// Which syntax, and what becomes of names that the old formats do not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// The syntax.
    pub syntax: Syntax,
    /// What becomes of UTF-8 names.
    pub escaping: Escaping,
}

impl Format {
    /// Text 0.0.4: what every reader of Prometheus pages understands.
    pub const TEXT: Format = Format { syntax: Syntax::Text0, escaping: Escaping::Underscores };
    /// OpenMetrics 1.0.0.
    pub const OPENMETRICS: Format = Format { syntax: Syntax::OpenMetrics1, escaping: Escaping::Underscores };

    /// The `Content-Type` of a page in this format.
    ///
    /// ```
    /// use exposition::Format;
    /// assert_eq!(Format::TEXT.content_type(), "text/plain; version=0.0.4; charset=utf-8");
    /// assert_eq!(
    ///     Format::OPENMETRICS.content_type(),
    ///     "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
    /// );
    /// ```
    pub fn content_type(self) -> String {
        let escaping = self.escaping.as_str();
        match self.syntax {
            Syntax::Text0 => "text/plain; version=0.0.4; charset=utf-8".to_owned(),
            Syntax::Text1 => format!("text/plain; version=1.0.0; charset=utf-8; escaping={escaping}"),
            Syntax::OpenMetrics1 => {
                format!("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={escaping}")
            }
        }
    }
}

/// How many characters the labels of an exemplar may have together, names and values, in OpenMetrics.
pub(crate) const MAX_EXEMPLAR_CHARACTERS: usize = 128;

/// A syntax and its version.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// `text/plain; version=0.0.4`. It has no quoted names: [`Escaping::AllowUtf8`] prints
    /// [`Escaping::Underscores`] here.
    Text0,
    /// `text/plain; version=1.0.0`: quoted names are allowed, all else is as in 0.0.4.
    Text1,
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics1,
}

/// The four name-escaping schemes of Prometheus: what becomes of characters that a name could not have before
/// Prometheus 3.
///
/// A *legacy* metric name matches `[a-zA-Z_:][a-zA-Z0-9_:]*`; a label name has no colon. The suffix of a sample
/// (`_bucket`) is put behind the escaped name of its family, so that they agree. Label values never change.
/// Two names that become one by escaping are not told apart.
///
/// Source: `EscapeName` in Prometheus' common `model/metric.go`; label names as in client_python, which knows
/// that they have no colon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// `underscores`: a character that is not allowed becomes `_`. `http.status` is `http_status`.
    #[default]
    Underscores,
    /// `dots`: `.` becomes `_dot_`, `_` becomes `__`, and so does any other character that is not allowed.
    /// `http.status` is `http_dot_status`. Legacy names change, too.
    Dots,
    /// `values`: a name that is not legacy begins with `U__`; its `_` becomes `__`, a character that is not
    /// allowed its number in hexadecimal between two `_`. `http.status` is `U__http_2e_status`.
    Values,
    /// `allow-utf-8`: a name that is not legacy stands in quotes. `"http.status"`.
    AllowUtf8,
}

impl Escaping {
    /// The word for it in content types: `underscores`, `dots`, `values`, `allow-utf-8`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Escaping::Underscores => "underscores",
            Escaping::Dots => "dots",
            Escaping::Values => "values",
            Escaping::AllowUtf8 => "allow-utf-8",
        }
    }

    /// The scheme that `word` names; `underscores` where it names none, as Prometheus and client_python do.
    ///
    /// ```
    /// use exposition::Escaping;
    /// assert_eq!(Escaping::from_word("dots"), Escaping::Dots);
    /// assert_eq!(Escaping::from_word("rot13"), Escaping::Underscores);
    /// ```
    pub fn from_word(word: &str) -> Escaping {
        match word {
            "dots" => Escaping::Dots,
            "values" => Escaping::Values,
            "allow-utf-8" => Escaping::AllowUtf8,
            _ => Escaping::Underscores,
        }
    }
}
