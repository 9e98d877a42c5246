//! Numbers side by side: `f64`s, little-endian, up to 512 in a page.

/// So many numbers are a page: 4 KiB. Small enough that one changed number does not send much, large enough that a
/// thousand of them are two fields of a hash.
pub const LEN: usize = 512;

/// The pages of who sends each change at once: 128 bytes. Small, since each change sends a page; the more fields there
/// are, the longer a reader takes.
pub const SHORT_LEN: usize = 16;
/// Stands for a number that was there and is no more: readers leave its series out, as if it had never been. Only numbers
/// that do not add up go; a sum stays. A `NaN` that no arithmetic makes.
pub const GONE: f64 = f64::from_bits(0x7ffc_0000_676f_6e65);

/// Whether this is [`GONE`].
///
/// ```
/// use redis_schema::page;
///
/// assert!(page::is_gone(page::read(&page::write(&[page::GONE]))[0]));
/// assert!(!page::is_gone(f64::NAN));
/// ```
pub fn is_gone(number: f64) -> bool {
    number.to_bits() == GONE.to_bits()
}

/// The field of a process's hash that has the page of this number.
pub fn field(number: usize) -> String {
    format!("v{number}")
}

/// The field that has the times at which the numbers of this page were set, where there are any: seconds since 1970 by
/// the clock of Redis, 0 where a number has none.
pub fn time_field(number: usize) -> String {
    format!("t{number}")
}

/// Which page a field has, and whether it is one of times; `None` for other fields.
///
/// ```
/// use redis_schema::page;
///
/// assert_eq!(page::of_field(b"v12"), Some((12, false)));
/// assert_eq!(page::of_field(b"t0"), Some((0, true)));
/// assert_eq!(page::of_field(b"#seq"), None);
/// ```
pub fn of_field(field: &[u8]) -> Option<(usize, bool)> {
    let (kind, number) = field.split_first()?;
    let is_times = match kind {
        b'v' => false,
        b't' => true,
        _ => return None,
    };
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, is_times))
}

/// How many numbers a page has where this is said; [`LEN`] where it means nothing.
///
/// ```
/// assert_eq!(redis_schema::page::len(b"16"), 16);
/// assert_eq!(redis_schema::page::len(b"0"), redis_schema::page::LEN);
/// ```
pub fn len(said: &[u8]) -> usize {
    let said = std::str::from_utf8(said).ok().and_then(|said| said.parse().ok());
    said.filter(|said| (1..=LEN).contains(said)).unwrap_or(LEN)
}

/// The bytes of these numbers.
pub fn write(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The numbers of these bytes; of what is not a whole number of them, those before.
pub fn read(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&number| f64::from_le_bytes(number)).collect()
}
