//! Numbers as Ruby's `Float#to_s` writes them.

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
    // Rust writes the shortest digits too: `1.2345e-5`.
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` of a finite number has an e");
    let exponent: i32 = exponent.parse().expect("`{:e}` writes a whole exponent");
    let digits: String = mantissa.chars().filter(|&digit| digit != '.').collect();

    // The value is 0.DIGITS times ten to this.
    let point = exponent + 1;
    let places = digits.len() as i32;
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

#[cfg(test)]
mod tests;
