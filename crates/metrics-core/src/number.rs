//! Numbers as a page prints them.

#[cfg(test)]
mod tests;

/// Appends `value` as the Python client prints it (`floatToGoString`, 0.26.0): the shortest digits that read
/// back as the same number, always with a point or an exponent.
///
/// From 1e6 up a positive number has an exponent of at least two digits, as Go prints it; negative ones, which
/// Python does not bother with, only from 1e16. Below 1e-4 both have one. The rest is `NaN`, `+Inf`, `-Inf`.
/// Every reader of the text and OpenMetrics formats takes it. Costs about 6 ns for whole numbers below 1e6, 12
/// to 20 ns for others.
///
/// ```
/// let page = |value| String::from_utf8(metrics_core::number(value)).unwrap();
/// assert_eq!(page(3.0), "3.0");
/// assert_eq!(page(1e6), "1e+06");
/// assert_eq!(page(-1e6), "-1000000.0");
/// assert_eq!(page(0.000015), "1.5e-05");
/// assert_eq!(page(f64::INFINITY), "+Inf");
/// ```
pub fn push_number(out: &mut Vec<u8>, value: f64) {
    let whole = value as u32;
    // By bits, so that -0.0 keeps its sign.
    if whole < 1_000_000 && f64::from(whole).to_bits() == value.to_bits() {
        return push_six_digits(out, whole);
    }
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    let positive = value.is_sign_positive();
    if value.is_infinite() {
        return out.extend_from_slice(if positive { b"+Inf" } else { b"-Inf" });
    }
    if !positive {
        out.push(b'-');
    }
    let magnitude = value.abs();
    let mut buffer = Buffer::new();
    if magnitude < EXACT_INTEGERS && magnitude.fract() == 0.0 {
        let text = buffer.integer(magnitude as u64);
        if positive && magnitude >= GO_EXPONENT_FROM {
            return push_scientific(out, text, text.len() as i32 - 1);
        }
        out.extend_from_slice(text);
        return out.extend_from_slice(b".0");
    }
    let mut shortest = zmij::Buffer::new();
    let text = shortest.format_finite(magnitude).as_bytes();
    if (PYTHON_EXPONENT_BELOW..GO_EXPONENT_FROM).contains(&magnitude) {
        // Here zmij, Python and Go agree: all digits, with the point in its place.
        return out.extend_from_slice(text);
    }
    let (digits, exponent) = buffer.digits(text);
    if !positive && (PYTHON_EXPONENT_BELOW..PYTHON_EXPONENT_FROM).contains(&magnitude) {
        push_positional(out, digits, exponent as usize);
    } else {
        push_scientific(out, digits, exponent);
    }
}

/// [`push_number`] into a text of its own.
pub fn number(value: f64) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    push_number(&mut out, value);
    out
}

/// Up to here (2^53) every integer is an `f64` whose own digits are its shortest.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;
/// From here up Go prints an exponent (`strconv.FormatFloat(f, 'g', -1, 64)`, but 1e6 where it has 1e21).
const GO_EXPONENT_FROM: f64 = 1e6;
/// From here up Python's `repr` prints an exponent.
const PYTHON_EXPONENT_FROM: f64 = 1e16;
/// Below this Python's `repr` prints an exponent.
const PYTHON_EXPONENT_BELOW: f64 = 1e-4;

/// Appends a number below 1e6 and `.0`: most of what a page holds, so without a loop or a branch.
///
/// The digits are worked out side by side in one word, the first one in its lowest byte.
fn push_six_digits(out: &mut Vec<u8>, whole: u32) {
    let (high, low) = (whole / 10_000, whole % 10_000);
    // Three numbers below 100, each in 16 bits.
    let pairs = u64::from(high) | u64::from(low / 100) << 16 | u64::from(low % 100) << 32;
    // 103 / 1024 is near enough to a tenth for all of them; what the next pair shifts in is masked out.
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f;
    let digits = tens | (pairs - tens * 10) << 8;
    let zeros_in_front = (digits.trailing_zeros() / 8).min(5);
    let text = (digits | u64::from_le_bytes(*b"000000.0")) >> (8 * zeros_in_front);
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(out.len() - zeros_in_front as usize);
}

/// Appends `d.ddde+XX`: without zeros at the end, with at least two digits of exponent.
fn push_scientific(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let len = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    let (first, rest) = digits[..len].split_at(1);
    out.extend_from_slice(first);
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let exponent = exponent.unsigned_abs() as u64;
    if exponent < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(Buffer::new().integer(exponent));
}

/// Appends `digits` with the point behind digit `exponent`, filled up with zeros: `ddd00.0`, `ddd.dd`.
fn push_positional(out: &mut Vec<u8>, digits: &[u8], exponent: usize) {
    let whole = exponent + 1;
    if let Some((before, after)) = digits.split_at_checked(whole).filter(|(_, after)| !after.is_empty()) {
        out.extend_from_slice(before);
        out.push(b'.');
        out.extend_from_slice(after);
    } else {
        out.extend_from_slice(digits);
        out.resize(out.len() + whole - digits.len(), b'0');
        out.extend_from_slice(b".0");
    }
}

/// Room for the digits of one number: a `u64` has 20 at most, zmij prints no more than 24 bytes.
struct Buffer([u8; 32]);

impl Buffer {
    const fn new() -> Buffer {
        Buffer([b'0'; 32])
    }

    /// The decimal digits of `value`; one zero for 0.
    fn integer(&mut self, mut value: u64) -> &[u8] {
        let mut start = self.0.len();
        loop {
            start -= 1;
            self.0[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                return &self.0[start..];
            }
        }
    }

    /// The significant digits of a number above 0 that zmij printed (`0.00012`, `120.0`, `1.2e-7`), without
    /// zeros at either end, and the power of ten of the first one.
    fn digits(&mut self, text: &[u8]) -> (&[u8], i32) {
        let (mut len, mut exponent, mut after_point) = (0, -1, false);
        let mut bytes = text.iter();
        for &byte in bytes.by_ref() {
            match byte {
                b'.' => after_point = true,
                b'e' => break,
                b'0' if len == 0 => exponent -= i32::from(after_point),
                digit => {
                    self.0[len] = digit;
                    len += 1;
                    exponent += i32::from(!after_point);
                }
            }
        }
        // What is left follows the `e`: a sign, or not, and digits.
        let negative = bytes.as_slice().first() == Some(&b'-');
        let written = bytes
            .filter(|byte| byte.is_ascii_digit())
            .fold(0, |sum, &digit| sum * 10 + i32::from(digit - b'0'));
        exponent += if negative { -written } else { written };
        let digits = &self.0[..len];
        let len = digits.iter().rposition(|&digit| digit != b'0').map_or(0, |last| last + 1);
        (&digits[..len], exponent)
    }
}
