//! How a file in which something may be odd is read: as a whole. So are files that are damaged, whose last record goes on
//! behind what is in use, or that another file has taken the place of.

use std::io;

use dialects::{Damage, HEADER_LEN};

use super::content::{self, Content, LONGEST_RECORD};
use super::file::{Change, File};
use super::keys::{Met, Place};
use super::places::{begin_places, push};
use super::scan::{Told, Walk, keys};
use super::{Hand, Shared};
use crate::readings::NumberList;

impl Shared {
    /// Takes the numbers of a file out of its content, having parsed what is new. None where it has vanished.
    pub(super) fn read_whole(
        &self,
        walk: &Walk<'_>,
        file: &mut File,
        content: &Content<'_>,
        hand: &mut Hand,
    ) -> io::Result<Option<Told>> {
        if !self.parse(walk, file, content, &mut hand.places) {
            return Ok(Some(told(file, content, false, &mut hand.numbers)));
        }
        if file.damage.is_none() || !content.goes_on() {
            walk.directory.tell_damage(file);
            return Ok(Some(told(file, content, true, &mut hand.numbers)));
        }
        let reach = content.state.used + LONGEST_RECORD;
        match content::read(&file.path, reach, &mut hand.again)? {
            Some(further) if further.state == content.state => {
                self.parse_crossing(walk, file, &further);
                walk.directory.tell_damage(file);
                Ok(Some(told(file, &further, true, &mut hand.numbers)))
            }
            _ => {
                // It changes under our eyes: it is taken as it is now, without a second look.
                let Some(again) = content::read(&file.path, file.reach, &mut hand.again)? else {
                    return Ok(None);
                };
                self.parse(walk, file, &again, &mut hand.places);
                walk.directory.tell_damage(file);
                Ok(Some(told(file, &again, true, &mut hand.numbers)))
            }
        }
    }

    /// Parses what is new in a file; says whether anything was.
    fn parse(&self, walk: &Walk<'_>, file: &mut File, content: &Content<'_>, places: &mut Vec<u32>) -> bool {
        let change = file.compare(content.state, content.bytes);
        if change == Change::Numbers {
            return false;
        }
        let damage = self.parse_records(walk, file, content.in_use(), places);
        file.damage = damage.or_else(|| content.damage());
        true
    }

    /// Parses the records that are new; says where it had to stop.
    fn parse_records(
        &self,
        walk: &Walk<'_>,
        file: &mut File,
        bytes: &[u8],
        places: &mut Vec<u32>,
    ) -> Option<Damage> {
        if bytes.len() <= HEADER_LEN {
            return None;
        }
        let nature = match file.nature {
            Some(nature) => nature,
            None => match self.nature(walk, file, bytes) {
                Ok(Some(nature)) => nature,
                Ok(None) => return None,
                Err(damage) => return Some(damage),
            },
        };
        let class = keys(walk).get(nature.class);
        let from = file.parsed.max(HEADER_LEN);
        let records = dialects::records(nature.dialect, bytes, from);
        class.learn(records.clone().map_while(Result::ok));
        begin_places(places, file, nature.dialect);
        let mut parsed = from;
        let resolved = class.resolve(
            &mut Place::default(),
            bytes,
            from,
            bytes.len() - from.min(bytes.len()),
            &walk.numbering,
            |met, series| {
                parsed = met.end;
                if let Some(series) = series {
                    push(file, places, nature.dialect, met, series);
                }
            },
        );
        let damage = resolved.err().or_else(|| {
            // Behind the last record that is whole there is nothing, damage, or one without its time.
            let mut left = dialects::records(nature.dialect, bytes, parsed);
            let record = match left.next()? {
                Ok(record) => record,
                Err(damage) => return Some(damage),
            };
            match class.resolve_one(&record, bytes, &walk.numbering) {
                Ok((series, overflows)) => {
                    parsed = record.end(nature.dialect);
                    if let Some(series) = series {
                        let met = Met { at: record.at, value_at: record.value_at, end: parsed, overflows };
                        push(file, places, nature.dialect, met, series);
                    }
                    left.next().and_then(Result::err)
                }
                Err(damage) => Some(damage),
            }
        });
        file.parsed_to(parsed, bytes.get(file.last_key_at()).unwrap_or_default());
        file.nature = Some(nature);
        damage
    }

    /// Parses the record that begins before the end of what is in use and goes on behind it, if the file has it
    /// whole: the clients' own readers count it.
    fn parse_crossing(&self, walk: &Walk<'_>, file: &mut File, content: &Content<'_>) {
        let known = file.nature;
        let Some(nature) = known.or_else(|| self.nature(walk, file, content.bytes).ok().flatten()) else {
            return;
        };
        let from = file.parsed.max(HEADER_LEN);
        let Some(Ok(record)) = dialects::records(nature.dialect, content.bytes, from).next() else { return };
        let end = record.end(nature.dialect);
        if record.at >= content.state.used || end <= content.state.used {
            return;
        }
        let class = keys(walk).get(nature.class);
        class.learn(std::iter::once(record));
        let series = class.resolve_one(&record, content.bytes, &walk.numbering);
        let Ok((Some(series), _)) = series else { return };
        file.push(record.at, record.value_at, series);
        file.parsed_to(end, content.bytes.get(file.last_key_at()).unwrap_or_default());
        file.nature = Some(nature);
        file.reach = end;
        file.damage = Some(Damage { at: record.at, why: "its header ends within this record, which counts" });
    }
}

/// The numbers that a file's content has of its records.
fn told(file: &File, content: &Content<'_>, news: bool, numbers: &mut NumberList) -> Told {
    let start = numbers.end();
    let timed = file.nature.is_some_and(|nature| nature.timed);
    let cut = file.numbers(timed, content.bytes, numbers);
    Told { read: content.bytes.len(), numbers: numbers.since(&start), cut, news, left: false }
}
