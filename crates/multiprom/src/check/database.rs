//! What is wrong with a database, and what to do.

use std::collections::BTreeMap;

use metrics_core::Desc;
use redis_fleet::FaultSort;

use super::finding::{Finding, What};
use crate::inside::database::{Content, Held, Shard};
use crate::inside::text::visible;

/// A process that was not heard of for so long, in seconds, would have been taken out by anybody who does that.
const LONG: f64 = 60.0;

/// Everything that is wrong with what a database holds.
pub(super) fn check_database(held: &Held) -> Vec<Finding> {
    let mut findings = match &held.content {
        Content::Ours(shards) => shards.iter().flat_map(|shard| check_shard(held, shard)).collect(),
        Content::Theirs(inside) => check_theirs(held, inside),
    };
    for refusal in held.refused() {
        let right = refusal.command.to_lowercase();
        let advice = format!("what was found holds; let this user run it (+{right}), or look as another one");
        let what = What::Database("refused");
        findings.push(Finding::remark_in(what, &held.address, None, refusal.to_string(), advice));
    }
    if findings.is_empty() && held.is_empty() {
        let advice = "nothing was counted yet, or it is counted elsewhere: see that prefix and number of the database \
                      are those of the application";
        let why = format!("nothing of {} is there", held.schema());
        findings.push(Finding::remark_in(What::Database("no_numbers"), &held.address, None, why, advice));
    }
    findings
}

fn check_shard(held: &Held, shard: &Shard) -> Vec<Finding> {
    let mut findings = Vec::new();
    for fault in &shard.inside.faults {
        let what = What::Database(fault.sort.as_str());
        let found = Finding::fault_in(what, &held.address, Some(&fault.key), &fault.why, advice(fault.sort));
        findings.push(match fault.offset {
            Some(offset) => found.at(offset),
            None => found,
        });
    }
    for keeper in &shard.inside.processes {
        let ago = |(heard, now): (f64, i64)| (now as f64 - heard) / 1_000.0;
        let ago = keeper.heard.zip(shard.inside.now).map_or(0.0, ago);
        if ago > LONG {
            let done = if keeper.ended { "has ended" } else { "was not heard of" };
            let why = format!("its process {done} for {ago:.0} s, and nobody takes it out");
            let advice =
                "its numbers count; to keep the database small let one `multiprom serve --fold` run for it";
            findings.push(Finding::remark_in(
                What::Database("not_taken_out"),
                &held.address,
                Some(&keeper.key),
                why,
                advice,
            ));
        }
    }
    findings.extend(check_families(held, shard));
    findings
}

/// What to do about it.
fn advice(sort: FaultSort) -> &'static str {
    match sort {
        FaultSort::WrongType => {
            "what stands there is left out: somebody else writes keys of this prefix; give the application one of its own"
        }
        FaultSort::Missing => {
            "its numbers are on no page until it sends again: somebody deletes keys, or the server lost some"
        }
        FaultSort::Member => "somebody else writes keys of this prefix; give the application one of its own",
        FaultSort::Schema | FaultSort::SchemaDiffers | FaultSort::Page => {
            "numbers behind it are on no page: the server has lost a part, or somebody else wrote it; a process that lives \
             mends what is its when it is restarted; what is kept of the dead stays as it is"
        }
        FaultSort::Seal => {
            "whoever has read it before shows it on, and nobody else makes a page: start a `multiprom serve --fold` that has \
             read it (it writes it anew), restore the key, or go on without what lacks by `multiprom fold --accept-loss`"
        }
        FaultSort::Sequence => {
            "whoever takes the dead out cannot take this one: delete its keys if it is dead"
        }
        FaultSort::Number => {
            "it is shown as it is: see where the application adds less than nothing, or what is no number"
        }
        FaultSort::EndOfLife => {
            "its numbers go with it, and counters fall: let nobody set EXPIRE on keys of this prefix (PERSIST takes it back)"
        }
        FaultSort::Eviction => {
            "counters fall when that happens: set it to noeviction or to one of volatile-*, or use a Redis of its own"
        }
        _ => "it is left out",
    }
}

/// Families that are not the same for all processes.
fn check_families(held: &Held, shard: &Shard) -> Vec<Finding> {
    let mut first: BTreeMap<&str, (&Desc, &str)> = BTreeMap::new();
    let mut findings: BTreeMap<(&str, &str), Finding> = BTreeMap::new();
    for keeper in shard.inside.keepers() {
        for set in keeper.schema.sets() {
            let (desc, key) = *first.entry(set.desc.name()).or_insert((&set.desc, &keeper.key));
            let other = &*set.desc;
            let (what, said, advice) = if desc.kind() != other.kind() {
                let advice = "the first kind is on pages, the others are left out: give each metric one name and one kind";
                ("kinds_differ", [desc.kind().to_string(), other.kind().to_string()], advice)
            } else if desc.aggregation() != other.aggregation() {
                let advice = "one of them decides: declare one mode everywhere";
                ("modes_differ", [desc.aggregation().to_string(), other.aggregation().to_string()], advice)
            } else if desc.buckets() != other.buckets() {
                let advice = "pages have all bounds, and between them counts that are too low for processes without them: \
                              declare one set everywhere";
                let bounds = |desc: &Desc| format!("{:?}", desc.buckets().bounds());
                ("buckets_differ", [bounds(desc), bounds(other)], advice)
            } else {
                continue;
            };
            let [one, two] = said;
            let why =
                format!("family {} is {two} here, and {one} in {}", desc.name(), visible(key.as_bytes()));
            findings.entry((desc.name(), what)).or_insert_with(|| {
                Finding::fault_in(What::Database(what), &held.address, Some(&keeper.key), why, advice)
            });
        }
    }
    findings.into_values().collect()
}

fn check_theirs(held: &Held, inside: &redis_source::Inside) -> Vec<Finding> {
    let mut findings = Vec::new();
    for fault in &inside.faults {
        let key = String::from_utf8_lossy(&fault.place);
        let advice = "it is left out of pages: somebody else wrote it, or another version of the client; delete it if \
                      nobody needs it";
        let what = What::Database(fault.reason);
        findings.push(Finding::fault_in(what, &held.address, Some(&key), &fault.why, advice));
    }
    let phantoms = inside.numbers.iter().filter(|number| !number.counts).count();
    if phantoms > 0 {
        let why =
            format!("{phantoms} gauges without a mode, which the client writes beside those that have one");
        let advice =
            "pages leave them out, as the same gauges stand beside them with their mode; it does no harm";
        findings.push(Finding::remark_in(What::Database("phantom"), &held.address, None, why, advice));
    }
    let mut going = inside.numbers.iter().filter(|number| {
        number.left.is_some() && number.counts && number.statement.aggregation == metrics_core::Aggregation::SUM
            // Of summaries each observation goes, and is meant to.
            && (number.process.is_some() || number.statement.kind != metrics_core::Kind::Summary)
    });
    if let Some(first) = going.next() {
        let why =
            format!("{} numbers that add up go away by themselves if nobody writes them", 1 + going.count());
        let advice = "counters fall when that happens, as on the client's own page: with gunicorn-prometheus-exporter \
                      REDIS_TTL_DISABLED=true keeps them";
        let key = String::from_utf8_lossy(&first.key);
        findings.push(Finding::remark_in(
            What::Database("end_of_life"),
            &held.address,
            Some(&key),
            why,
            advice,
        ));
    }
    findings
}
