//! A database as `multiprom ls` shows it: a line for each process, or for each family where processes share numbers.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use redis_fleet::{Keeper, SharedFamily};
use serde::Serialize;

use super::{by_number, size};
use crate::cli::inside::Order;
use crate::inside::database::{Content, Held, Shard, faults_by_key};
use crate::inside::output::{Output, Tint};
use crate::inside::table::{Cell, Column, Table};
use crate::inside::text::visible;

/// What one process, or one family, has in a database, as `--json` prints it: names of fields are promised in `--help`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    database: String,
    schema: &'static str,
    /// Of stores of our own: the number of the shard.
    shard: Option<usize>,
    /// The process or the family; empty for what is kept of the dead.
    name: String,
    /// Of a family.
    kind: Option<&'static str>,
    host: Option<String>,
    pid: Option<u64>,
    /// `alive`, `silent`, `ended`, `retired`, `shared`, or nothing where nobody can say.
    life: Option<&'static str>,
    /// Seconds since it was last heard of.
    heard: Option<f64>,
    series: usize,
    /// Of schema and pages.
    bytes: Option<usize>,
    /// Seconds until the first of its keys goes away by itself.
    ends: Option<f64>,
    faults: usize,
    damage: Option<String>,
}

/// What a process says of itself.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct About {
    host: Option<String>,
    pid: Option<u64>,
}

/// A process lives that was heard of so long ago or less, in seconds: as pages have it.
const LIVING_WITHIN: f64 = 5.0;

/// The lines of a database, in this order.
pub(super) fn lines(held: &Held, order: Order) -> Vec<Line> {
    let mut lines: Vec<Line> = match &held.content {
        Content::Ours(shards) => shards.iter().flat_map(of_shard).collect(),
        Content::Theirs(inside) => of_theirs(inside),
    };
    for line in &mut lines {
        (line.database, line.schema) = (held.address.clone(), held.schema());
    }
    match order {
        Order::Name => {}
        Order::Used => lines.sort_by_key(|line| std::cmp::Reverse(line.bytes)),
        Order::Series => lines.sort_by_key(|line| std::cmp::Reverse(line.series)),
        Order::Process => lines.sort_by_cached_key(|line| match line.pid {
            Some(pid) => (pid, line.name.clone()),
            None => by_number(Some(&line.name)),
        }),
    }
    lines
}

fn of_shard(shard: &Shard) -> Vec<Line> {
    let faults = faults_by_key(shard);
    let line = |keeper: &Keeper| {
        let about: About =
            keeper.about.as_deref().and_then(|about| serde_json::from_slice(about).ok()).unwrap_or_default();
        let now = shard.inside.now;
        let ago = |heard: f64| now.map(|now| (now as f64 - heard).max(0.0) / 1_000.0);
        let heard = keeper.heard.and_then(ago);
        let life = match heard {
            _ if keeper.name.is_empty() => Some("retired"),
            _ if keeper.ended => Some("ended"),
            Some(ago) if ago <= LIVING_WITHIN => Some("alive"),
            _ => now.map(|_| "silent"),
        };
        let schema = match &*keeper.name {
            "" => shard.keys.retired_schema(),
            name => shard.keys.schema(name),
        };
        let found = [&keeper.key, &schema].into_iter().filter_map(|key| faults.get(&**key));
        let found: Vec<_> = found.collect();
        Line {
            shard: Some(shard.number),
            name: keeper.name.clone(),
            host: about.host,
            pid: about.pid,
            life,
            heard,
            series: keeper.series(),
            bytes: Some(keeper.bytes),
            faults: found.iter().map(|(_, count)| count).sum(),
            damage: found.first().map(|(fault, _)| fault.why.clone()),
            ..Line::default()
        }
    };
    let family = |family: &SharedFamily| {
        let found = faults.get(&*family.key);
        Line {
            shard: Some(shard.number),
            name: family.desc.name().to_owned(),
            kind: Some(family.desc.kind().as_str()),
            life: Some("shared"),
            series: family.series(),
            bytes: Some(family.bytes),
            faults: found.map_or(0, |(_, count)| *count),
            damage: found.map(|(fault, _)| fault.why.clone()),
            ..Line::default()
        }
    };
    let families = shard.inside.shared.iter().map(family);
    shard.inside.keepers().map(line).chain(families).collect()
}

fn of_theirs(inside: &redis_source::Inside) -> Vec<Line> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let mut lines: BTreeMap<(u64, String), Line> = BTreeMap::new();
    for number in inside.numbers.iter().filter(|number| number.counts) {
        let name = number.process.as_deref().unwrap_or(&number.statement.name);
        let kind = number.process.is_none().then(|| number.statement.kind.as_str());
        let place = if number.process.is_some() { by_number(Some(name)) } else { (0, name.to_owned()) };
        let line = lines.entry(place).or_insert_with(|| Line {
            name: name.to_owned(),
            kind,
            pid: number.process.as_deref().and_then(|process| process.parse().ok()),
            ..Line::default()
        });
        // Buckets of one histogram are several numbers of one series, as are sum and count.
        line.series += 1;
        let heard = number.written.map(|written| (now - written).max(0.0));
        line.heard = [line.heard, heard].into_iter().flatten().reduce(f64::min);
        let left = number.left.map(|left| left.as_secs_f64());
        line.ends = [line.ends, left].into_iter().flatten().reduce(f64::min);
    }
    lines.into_values().collect()
}

/// Prints the lines of one database and their total.
pub(super) fn print(held: &Held, lines: &[Line], out: &mut Output) -> anyhow::Result<()> {
    let shards = match &held.content {
        Content::Ours(shards) => shards.len(),
        Content::Theirs(_) => 0,
    };
    let shared = lines.iter().any(|line| line.kind.is_some()) && shards == 0;
    let mut table = Table::new([
        Column::shrinking(if shared { "FAMILY" } else { "PROCESS" }, 16),
        Column::left("KIND"),
        Column::left("HOST").dropped(3),
        Column::right("PID").dropped(2),
        Column::left("WRITER"),
        Column::right("HEARD"),
        Column::right("SERIES"),
        Column::right("USED").dropped(1),
        Column::right("GOES").dropped(4),
        Column::sentence("DAMAGE"),
    ]);
    for line in lines {
        let text = |text: Option<&str>| Cell::plain(text.map_or("-".to_owned(), |it| visible(it.as_bytes())));
        let tint = match line.life {
            Some("alive") => Tint::Good,
            Some("silent") => Tint::Odd,
            _ => Tint::Dim,
        };
        let name = match (line.life, line.shard) {
            (Some("retired"), Some(shard)) if shards > 1 => format!("(the dead of shard {shard})"),
            (Some("retired"), _) => "(the dead)".to_owned(),
            (Some("shared"), _) => format!("(shared: {})", line.name),
            _ => line.name.clone(),
        };
        let damage = match (&line.damage, line.faults) {
            (Some(damage), 2..) => format!("{damage}; and {} more", line.faults - 1),
            (damage, _) => damage.clone().unwrap_or_default(),
        };
        table.push(vec![
            text(Some(&name)),
            text(line.kind),
            text(line.host.as_deref()),
            text(line.pid.map(|pid| pid.to_string()).as_deref()),
            Cell::tinted(line.life.unwrap_or("-"), tint),
            text(line.heard.map(ago).as_deref()),
            Cell::plain(line.series.to_string()),
            text(line.bytes.map(|bytes| size(bytes as u64)).as_deref()),
            text(line.ends.map(ago).as_deref()),
            Cell::tinted(visible(damage.as_bytes()), Tint::Bad),
        ]);
    }
    table.drop_empty_columns();
    table.print(out)?;
    out.paragraph(&[(&total(held, lines, shared), Tint::Bold)])
}

/// `redis://h:6379/0, multiprom: 3 processes (2 alive, 1 ended): 12 series`.
fn total(held: &Held, lines: &[Line], shared: bool) -> String {
    let count =
        |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let own = lines.iter().filter(|line| !matches!(line.life, Some("retired" | "shared"))).count();
    let whose = if shared {
        count(own, "family", "families")
    } else {
        let each = ["alive", "silent", "ended"].into_iter().filter_map(|life| {
            let count = lines.iter().filter(|line| line.life == Some(life)).count();
            (count > 0).then(|| format!("{count} {life}"))
        });
        let each: Vec<String> = each.collect();
        let each = if each.is_empty() { String::new() } else { format!(" ({})", each.join(", ")) };
        count(own, "process", "processes") + &each
    };
    let series: usize = lines.iter().map(|line| line.series).sum();
    let faults = match held.faults() {
        0 => String::new(),
        faults => format!("; {}, see multiprom check", count(faults, "fault", "faults")),
    };
    let refused = match held.refused().len() {
        0 => String::new(),
        refused => format!("; {} refused, see multiprom check", count(refused, "command", "commands")),
    };
    let numbers = if matches!(held.content, Content::Ours(_)) { "series" } else { "numbers" };
    format!("{}, {}: {whose}: {series} {numbers}{faults}{refused}", held.address, held.schema())
}

/// `0.4s`, `12s`, `3m`, `2h`, `5d`.
fn ago(seconds: f64) -> String {
    match seconds {
        under if under < 10.0 => format!("{under:.1}s"),
        under if under < 120.0 => format!("{under:.0}s"),
        under if under < 2.0 * 3_600.0 => format!("{:.0}m", under / 60.0),
        under if under < 2.0 * 86_400.0 => format!("{:.0}h", under / 3_600.0),
        days => format!("{:.0}d", days / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_short() {
        for (seconds, expected) in
            [(0.44, "0.4s"), (59.6, "60s"), (300.0, "5m"), (7_300.0, "2h"), (400_000.0, "5d")]
        {
            assert_eq!(super::ago(seconds), expected);
        }
    }
}
