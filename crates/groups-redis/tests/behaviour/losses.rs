//! Requests and answers that get lost, gateways that come in between, and a server that goes back in time: each change
//! is made once, or not at all, as the model has it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::slice::from_ref;
use std::sync::{Arc, Mutex, MutexGuard};

use groups_redis::{Options, RedisStore};
use groups_testkit::{Clock, ModelStore};
use metrics_core::Kind;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use push_groups::{Act, Change, Entry, GroupKey, GroupStore, Outcome, Version};
use redis_testkit::RedisServer;

use crate::gateway::{self, Deed, Gateway, key};
use crate::lossy::{Loss, Lossy};

#[derive(Clone, Debug)]
enum Step {
    Commit {
        gateway: usize,
        doings: Vec<(usize, Deed)>,
        losses: Vec<(usize, Vec<(usize, Deed)>)>,
    },
    /// Everything goes, and the answer is lost; meanwhile others push.
    Wipe {
        lost: bool,
        others: Vec<(usize, Deed)>,
    },
    Follow(usize),
    Save,
    /// The server is killed, and has what was saved.
    Restart,
}

const JOBS: [&str; 3] = ["a", "b", "c"];
const NAMES: [(&str, Kind); 3] = [("n", Kind::Gauge), ("n", Kind::Counter), ("m", Kind::Gauge)];

fn doings() -> impl Strategy<Value = Vec<(usize, Deed)>> {
    let push = (prop::sample::subsequence(vec![1, 2], 0..=2), any::<bool>(), 0..100_u8).prop_map(
        |(names, counter, value)| {
            let name = |at: usize| if at == 1 { NAMES[usize::from(counter)] } else { NAMES[at] };
            Deed::Push(names.into_iter().map(name).collect(), value.into())
        },
    );
    let deed = prop_oneof![5 => push, 1 => Just(Deed::Fail), 2 => Just(Deed::Delete)];
    proptest::collection::vec((0..JOBS.len(), deed), 1..4)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let loss = (0..6_usize, prop_oneof![1 => Just(vec![]), 3 => doings()]);
    let step = prop_oneof![
        12 => (0..2_usize, doings(), proptest::collection::vec(loss, 0..3))
            .prop_map(|(gateway, doings, losses)| Step::Commit { gateway, doings, losses }),
        1 => (any::<bool>(), doings()).prop_map(|(lost, others)| Step::Wipe { lost, others }),
        5 => (0..2_usize).prop_map(Step::Follow),
        1 => Just(Step::Save),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..14)
}

/// What there should be, and what was done to make it so.
struct Expected {
    model: ModelStore,
    history: Vec<Option<Vec<Change>>>,
    saved: usize,
}

impl Expected {
    fn new(history: Vec<Option<Vec<Change>>>) -> Expected {
        let model = ModelStore::new(Clock::at(1_700_000_000_000_000_000));
        for deed in &history {
            match deed {
                Some(changes) => drop(model.commit(changes).unwrap()),
                None => model.wipe().unwrap(),
            }
        }
        Expected { model, saved: history.len(), history }
    }

    fn commit(&mut self, changes: &[Change]) -> Vec<Outcome> {
        self.history.push(Some(changes.to_vec()));
        self.model.commit(changes).unwrap()
    }

    fn wipe(&mut self) {
        self.history.push(None);
        self.model.wipe().unwrap();
    }

    fn groups(&self) -> BTreeMap<GroupKey, Arc<Entry>> {
        let groups = self.model.follow(None).unwrap().groups.into_iter();
        groups.filter_map(|(key, entry)| Some((key, entry?))).collect()
    }

    /// Changes of groups as they are now, each as if those before it were made.
    fn changes(&self, doings: &[(usize, Deed)]) -> Vec<Change> {
        let mut groups = self.groups();
        let change = |(job, deed): &(usize, Deed)| {
            let key = key(JOBS[*job]);
            let held = groups.get(&key).cloned();
            let change = gateway::change(&key, held.as_deref(), deed);
            match (&change.act, held) {
                (Act::Push { content, .. }, _) | (Act::Fail { content: Some(content), .. }, None) => {
                    groups.insert(key, Arc::new(imagined(change.gives, content)));
                }
                (Act::Fail { .. }, Some(held)) => {
                    groups.insert(key, Arc::new(imagined(change.gives, &held.content)));
                }
                (Act::Fail { content: None, .. }, None) => unreachable!("a new group has content"),
                (Act::Delete, _) => drop(groups.remove(&key)),
            }
            change
        };
        doings.iter().map(change).collect()
    }
}

fn imagined(version: Version, content: &Arc<[u8]>) -> Entry {
    Entry { version, born: 0, seq: 0, pushed: 0, failed: 0, expires: None, content: content.clone() }
}

/// Two gateways on ways that lose things, one that comes in between, and what there should be.
struct World<'a> {
    server: &'a mut RedisServer,
    ways: &'a [Lossy; 2],
    gateways: [Gateway; 2],
    between: Arc<RedisStore>,
    /// Of another namespace.
    elsewhere: RedisStore,
    expected: Arc<Mutex<Expected>>,
}

impl World<'_> {
    fn new<'a>(server: &'a mut RedisServer, ways: &'a [Lossy; 2], namespace: &str) -> World<'a> {
        let options = Options { namespace: namespace.to_owned(), log_length: 40, ..Options::default() };
        let gateways = ways.each_ref().map(|way| Gateway::new(&way.url(), options.clone()));
        let between = Arc::new(Gateway::new(&server.url(), options).store);
        let elsewhere = Options { namespace: "elsewhere".to_owned(), ..Options::default() };
        let elsewhere = Gateway::new(&server.url(), elsewhere).store;
        let expected = Arc::new(Mutex::new(Expected::new(vec![])));
        expected.lock().unwrap().saved = 0;
        let mut world = World { server, ways, gateways, between, elsewhere, expected };
        world.reach();
        world
    }

    fn expected(&self) -> MutexGuard<'_, Expected> {
        self.expected.lock().unwrap()
    }

    /// All have connections, and the server knows the scripts, so that what is lost later is what is meant.
    fn reach(&mut self) {
        self.elsewhere.wipe().unwrap();
        for gateway in &mut self.gateways {
            let change = gateway::change(&key("reached"), None, &Deed::Delete);
            let made = gateway.store.commit(from_ref(&change)).unwrap();
            same(&made, &self.expected.lock().unwrap().commit(&[change]));
            gateway.follow().unwrap();
        }
        self.between.follow(None).unwrap();
    }

    fn takes(&mut self, step: &Step) {
        match step {
            Step::Commit { gateway, doings, losses } => {
                let changes = self.expected().changes(doings);
                let losses: Vec<Loss> =
                    losses.iter().map(|(after, others)| self.loss(&changes, *after, others)).collect();
                self.ways[*gateway].lose(losses);
                let found = self.gateways[*gateway].store.commit(&changes).unwrap();
                assert_eq!(self.ways[*gateway].left(), 0);
                same(&found, &self.expected().commit(&changes));
            }
            Step::Wipe { lost, others } => {
                let (expected, between, doings) =
                    (self.expected.clone(), self.between.clone(), others.clone());
                let then = move || {
                    let mut expected = expected.lock().unwrap();
                    expected.wipe();
                    others_push(&mut expected, &between, &doings);
                };
                if *lost {
                    self.ways[0].lose([Loss { after: 1, says: None, then: Box::new(then) }]);
                    self.gateways[0].store.wipe().unwrap();
                } else {
                    self.gateways[0].store.wipe().unwrap();
                    then();
                }
            }
            Step::Follow(gateway) => {
                let whole = self.gateways[*gateway].follow().unwrap();
                let expected = self.expected().groups();
                let found = &self.gateways[*gateway].groups;
                let seen = |groups: &BTreeMap<GroupKey, Arc<Entry>>| -> Vec<_> {
                    let seen = |(key, entry): (&GroupKey, &Arc<Entry>)| {
                        (
                            key.clone(),
                            entry.version,
                            entry.content.clone(),
                            entry.pushed > 0,
                            entry.failed > 0,
                        )
                    };
                    groups.iter().map(seen).collect()
                };
                assert_eq!(seen(found), seen(&expected), "told of {}", if whole { "all" } else { "some" });
                for by in [|entry: &Entry| entry.born, |entry: &Entry| entry.seq] {
                    assert_eq!(order(found, by), order(&expected, by));
                }
            }
            Step::Save => {
                assert_eq!(self.server.cli(&["SAVE"]), "OK\n");
                let mut expected = self.expected();
                expected.saved = expected.history.len();
            }
            Step::Restart => {
                self.server.restart();
                let mut expected = self.expected();
                let saved = expected.saved;
                expected.history.truncate(saved);
                let history = std::mem::take(&mut expected.history);
                *expected = Expected::new(history);
                drop(expected);
                self.reach();
            }
        }
    }

    /// So many of the changes are made, then others come, and then whoever made them learns that something was lost.
    fn loss(&self, changes: &[Change], after: usize, others: &[(usize, Deed)]) -> Loss {
        let (expected, between) = (self.expected.clone(), self.between.clone());
        let (made, others) = (changes[..after.min(changes.len())].to_vec(), others.to_vec());
        let then = move || {
            let mut expected = expected.lock().unwrap();
            expected.commit(&made);
            others_push(&mut expected, &between, &others);
        };
        Loss { after, says: None, then: Box::new(then) }
    }
}

fn others_push(expected: &mut Expected, between: &RedisStore, doings: &[(usize, Deed)]) {
    let changes = expected.changes(doings);
    same(&between.commit(&changes).unwrap(), &expected.commit(&changes));
}

fn order(groups: &BTreeMap<GroupKey, Arc<Entry>>, by: fn(&Entry) -> u64) -> Vec<GroupKey> {
    let mut keys: Vec<GroupKey> = groups.keys().cloned().collect();
    keys.sort_by_key(|key| by(&groups[key]));
    keys
}

fn same(found: &[Outcome], expected: &[Outcome]) {
    let version =
        |entry: &Option<Arc<Entry>>| entry.as_ref().map(|entry| (entry.version, entry.content.clone()));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        match (found, expected) {
            (Outcome::Made { .. }, Outcome::Made { .. }) => {}
            (Outcome::Stale(found), Outcome::Stale(expected)) => {
                assert_eq!(version(found), version(expected))
            }
            _ => assert_eq!(found, expected),
        }
    }
}

#[test]
fn each_change_is_made_once_whatever_is_lost_and_whoever_comes_in_between() {
    let mut server = RedisServer::start();
    let ways = [Lossy::to(server.port()), Lossy::to(server.port())];
    let server = RefCell::new(&mut server);
    let case = Cell::new(0);
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let done = TestRunner::new(config).run(&steps(), |steps| {
        case.set(case.get() + 1);
        let mut server = server.borrow_mut();
        let mut world = World::new(&mut server, &ways, &format!("case-{}", case.get()));
        steps.iter().for_each(|step| world.takes(step));
        Ok(())
    });
    done.unwrap();
}
