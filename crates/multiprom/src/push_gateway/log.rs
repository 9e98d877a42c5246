//! The log of the push gateway: a line for each event, as logfmt or as JSON.

use std::fmt::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::push_gateway::{LogFormat, LogLevel};

/// How much is logged, for who may change it.
pub(crate) struct Level(Handle<LevelFilter, tracing_subscriber::Registry>);

impl Level {
    /// From now on.
    pub(crate) fn set(&self, level: LogLevel) {
        // It fails only when nothing is logged any more.
        let _ = self.0.reload(filter(level));
    }
}

/// Logs on standard error from now on.
pub(crate) fn start(level: LogLevel, format: LogFormat) -> Level {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(Lines(format));
    // Only where somebody logs already; that one goes on.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Level(handle)
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

struct Lines(LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = event.metadata().level().to_string().to_lowercase();
        let time = push_gateway::stamp(since.as_nanos() as u64);
        let head = [("ts".to_owned(), time), ("level".to_owned(), level), ("msg".to_owned(), fields.message)];
        out.write_str(&line(self.0, head.into_iter().chain(fields.others)))
    }
}

/// One line of names and values.
fn line(format: LogFormat, fields: impl Iterator<Item = (String, String)>) -> String {
    let mut line = String::new();
    match format {
        LogFormat::Json => {
            let fields: serde_json::Map<String, serde_json::Value> =
                fields.map(|(name, value)| (name, value.into())).collect();
            let _ = write!(line, "{}", serde_json::Value::from(fields));
        }
        LogFormat::Logfmt => {
            for (at, (name, value)) in fields.enumerate() {
                let space = if at == 0 { "" } else { " " };
                let is_plain = !value.is_empty()
                    && value
                        .chars()
                        .all(|letter| letter.is_ascii_graphic() && !matches!(letter, '"' | '=' | '\\'));
                let _ = match is_plain {
                    true => write!(line, "{space}{name}={value}"),
                    false => write!(line, "{space}{name}={value:?}"),
                };
            }
        }
    }
    line.push('\n');
    line
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, String)>,
}

impl Fields {
    fn take(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.message = text,
            name => self.others.push((name.to_owned(), text)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, line};

    #[test]
    fn a_line_is_logfmt_or_json() {
        let fields = || {
            [("level", "info"), ("msg", "listening on \"it\""), ("path", "a=b")]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let logfmt = "level=info msg=\"listening on \\\"it\\\"\" path=\"a=b\"\n";
        assert_eq!(line(LogFormat::Logfmt, fields()), logfmt);
        let json = "{\"level\":\"info\",\"msg\":\"listening on \\\"it\\\"\",\"path\":\"a=b\"}\n";
        assert_eq!(line(LogFormat::Json, fields()), json);
    }
}
