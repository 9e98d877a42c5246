//! Any bytes as a page.

use exposition::{Syntax, parse};

/// Any bytes are a text page or an error at one of their lines.
pub fn parse_text(page: &[u8]) {
    check(Syntax::Text0, page);
}

/// Any bytes are an OpenMetrics page or an error at one of their lines.
pub fn parse_openmetrics(page: &[u8]) {
    check(Syntax::OpenMetrics1, page);
}

fn check(syntax: Syntax, page: &[u8]) {
    if let Err(error) = parse(syntax, page) {
        assert!((1..=page.split(|&byte| byte == b'\n').count()).contains(&error.line));
    }
}
