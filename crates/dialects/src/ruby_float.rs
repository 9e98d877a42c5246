//! Numbers as Ruby's `Float#to_s` writes them.

use metrics_core::number;

/// `value` as Ruby writes it: the shortest digits that read back as the same number, with a point always, plain
/// from 0.0001 up to 16 digits before the point, else with an exponent of at least two digits.
///
/// The bounds of Ruby's histograms stand so in its keys. Source: `flo_to_s` in Ruby `numeric.c`.
pub(crate) fn ruby_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    if value == 0.0 {
        return format!("{sign}0.0");
    }
    let (digits, point) = digits(value.abs());
    let places = digits.len() as i32;
    let exponent = point - 1;
    match point {
        _ if 0 < point && point < places => {
            let (whole, fraction) = digits.split_at(point as usize);
            format!("{sign}{whole}.{fraction}")
        }
        _ if places <= point && point <= 15 => format!("{sign}{digits:0<width$}.0", width = point as usize),
        -3..=0 => format!("{sign}0.{:0<width$}{digits}", "", width = -point as usize),
        _ => {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            let e_sign = if exponent < 0 { '-' } else { '+' };
            format!("{sign}{first}.{rest}e{e_sign}{:02}", exponent.abs())
        }
    }
}

/// The shortest digits of a finite number above 0, and where the point stands: 0.DIGITS times ten to this.
///
/// Taken from what a page prints, because of two shortest texts equally near it has the even one, as Ruby does.
/// Rust's own formatting has the greater (934136493799300.25 ends in `.3`).
fn digits(value: f64) -> (String, i32) {
    let text = String::from_utf8_lossy(&number(value)).into_owned();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = whole.len() as i32 + exponent.parse::<i32>().expect("an exponent is a whole number");
    let all = [whole, fraction].concat();
    let leading = all.len() - all.trim_start_matches('0').len();
    (all.trim_matches('0').to_owned(), point - leading as i32)
}

#[cfg(test)]
mod tests;
