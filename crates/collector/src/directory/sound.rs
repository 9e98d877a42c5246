//! How a sound file is read: through a window that stays in the processor's cache, first the numbers of what is
//! known, then what is new.
//!
//! Anything odd - damage, a record that crosses the end, another file of the same name, a name that tells no
//! kind - is left to `odd.rs`, which looks at the file as a whole.

use std::io;

use dialects::{Dialect, HEADER_LEN};

use super::content::{Open, number_at, read_up_to};
use super::file::File;
use super::keys::{Met, Place};
use super::places::{begin_places, push};
use super::records::Records;
use super::scan::{Told, Walk, keys};
use super::{Hand, Shared};
use crate::readings::NumberList;

/// Bytes read at once. Few where tests run, whose files are small, so that they meet many borders.
const WINDOW: usize = if cfg!(debug_assertions) { 256 } else { 128 * 1024 };

impl Shared {
    /// Reads the numbers of a sound file, having parsed what is new. None where it is odd; then nothing of it is
    /// taken note of.
    pub(super) fn read_sound(
        &self,
        walk: &Walk<'_>,
        file: &mut File,
        open: &Open,
        hand: &mut Hand,
    ) -> io::Result<Option<Told>> {
        let (used, known) = (open.state.used, file.is_known(open.state));
        let whole = used > HEADER_LEN && used as u64 <= open.state.len;
        if !whole || !(known || file.is_new()) {
            return Ok(None);
        }
        if hand.window.len() < WINDOW {
            hand.window.resize(WINDOW, 0);
        }
        let start = hand.numbers.end();
        let mut read = 0;
        if let Some(nature) = file.nature {
            match file.read_numbers(&open.file, nature.timed, &mut hand.window, &mut hand.numbers)? {
                Some(bytes) => read += bytes,
                None => {
                    hand.numbers.truncate(&start);
                    return Ok(None);
                }
            }
        }
        let news = used > file.parsed;
        if news {
            let mark = file.mark();
            match self.read_new(walk, file, open, hand) {
                Ok(Some(bytes)) => read += bytes,
                odd => {
                    file.go_back(mark);
                    hand.numbers.truncate(&start);
                    return odd.map(|_| None);
                }
            }
        }
        file.parsed_in(open.state);
        Ok(Some(Told { read, numbers: hand.numbers.since(&start), cut: None, news, left: false }))
    }

    /// Parses the records that are new, and reads their numbers; says how many bytes that took. None where something
    /// is odd.
    fn read_new(
        &self,
        walk: &Walk<'_>,
        file: &mut File,
        open: &Open,
        hand: &mut Hand,
    ) -> io::Result<Option<usize>> {
        let used = open.state.used;
        // Where the window begins, and where in it the next record.
        let (mut base, mut begin) = if file.parsed == 0 { (0, HEADER_LEN) } else { (file.parsed, 0) };
        let (mut size, mut read) = (WINDOW, 0);
        let mut last_key = Vec::with_capacity(64);
        let mut place = Place::default();
        let first = file.records.len();
        loop {
            let len = size.min(used - base);
            if hand.window.len() < len {
                hand.window.resize(len, 0);
            }
            let window = &mut hand.window[..len];
            if read_up_to(&open.file, window, base)? < len {
                return Ok(None);
            }
            read += len;
            let nature = match file.nature {
                Some(nature) => nature,
                None => match self.nature(walk, file, window) {
                    Ok(Some(nature)) => *file.nature.insert(nature),
                    _ => return Ok(None),
                },
            };
            let class = keys(walk).get(nature.class);
            if class.is_to_learn() {
                if base + len < used {
                    // All of the file is to be learnt from before the first key is resolved.
                    size = used;
                    continue;
                }
                let records = dialects::records(nature.dialect, window, begin);
                class.learn(records.map_while(Result::ok));
            }
            if file.records.len() == first {
                begin_places(&mut hand.places, file, nature.dialect);
                if first == 0 {
                    let alike = hand.last.as_ref().filter(|(class, _)| *class == nature.class);
                    file.records = alike.map_or_else(Records::default, |(_, last)| Records::like(last));
                    // As many as another file of the class has, or as are likely in so many bytes.
                    const LIKELY_LEN: usize = 160; // bytes
                    let records = if class.len() > 0 { class.len() } else { used / LIKELY_LEN };
                    file.records.reserve(records);
                    hand.numbers.reserve(records, nature.timed);
                }
            }
            let mut from = begin;
            // Files are alike for the most part: then nothing is to be noted but numbers. Ruby's of equal keys may be.
            if nature.dialect != Dialect::Ruby {
                let likely = file.records.likely();
                let alike = class.as_likely(&mut place, window, from, base, likely);
                let number = |at: usize| number_at(window, at).unwrap_or_default();
                let places = likely.0[..alike.count].iter().map(|&at| at as usize - base);
                hand.numbers.values.extend(places.clone().map(number));
                if nature.timed {
                    hand.numbers.times.extend(places.map(|at| number(at + 8)));
                }
                if alike.count > 0 {
                    file.take_likely(alike.count, base + alike.last_at);
                    from = alike.end;
                }
            }
            let (NumberList { values, times }, places) = (&mut hand.numbers, &mut hand.places);
            // Where the first number of the file stands; the times of a file are kept of all its records or of none.
            let before = values.len() - file.records.len();
            let times_before = if nature.timed { times.len() - file.records.len() } else { 0 };
            let ended = class.resolve(
                &mut place,
                window,
                from,
                used - base - from,
                &walk.numbering,
                |met, series| {
                    let Some(series) = series else { return };
                    let number = |at: usize| number_at(window, at).unwrap_or_default();
                    let (value, time) =
                        (number(met.value_at), nature.timed.then(|| number(met.value_at + 8)));
                    let met = Met { at: base + met.at, value_at: base + met.value_at, ..met };
                    match push(file, places, nature.dialect, met, series) {
                        Some(index) => {
                            values[before + index] = value;
                            if let Some(time) = time {
                                times[times_before + index] = time;
                            }
                        }
                        None => {
                            values.push(value);
                            if let Some(time) = time {
                                times.push(time);
                            }
                        }
                    }
                },
            );
            // What is wrong with a key is found again by whoever looks at the file as a whole.
            let Ok(ended) = ended else { return Ok(None) };
            let key = file.last_key_at();
            if key.start >= base && key.end <= base + len {
                last_key.clear();
                last_key.extend_from_slice(&window[key.start - base..key.end - base]);
            }
            match (base + ended == used, base + len == used) {
                (true, _) => break,
                (false, true) => return Ok(None),
                // A record that is longer than the window.
                (false, false) if ended == begin => size = size.saturating_mul(2),
                (false, false) => size = WINDOW,
            }
            (base, begin) = (base + ended, 0);
        }
        file.parsed_to(used, &last_key);
        hand.last = file.nature.map(|nature| (nature.class, Records::like(&file.records)));
        Ok(Some(read))
    }
}
