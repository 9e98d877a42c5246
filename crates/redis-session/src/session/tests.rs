use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What the two scripts do, on maps.
#[derive(Clone, Default)]
struct Server {
    epoch: Option<u8>,
    epochs: u8,
    alive: BTreeMap<String, (u64, BTreeMap<String, Vec<f64>>)>,
    tombs: BTreeMap<String, u64>,
    folded: BTreeMap<String, Vec<f64>>,
}

impl Server {
    fn flush(&mut self, frame: &Frame) -> (Answer, Vec<u8>) {
        let knows = self.alive.contains_key(&frame.process) || self.tombs.contains_key(&frame.process);
        let known = frame.epoch.as_ref().filter(|_| knows).and_then(|epoch| epoch.first().copied());
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.epochs += u8::from(known.is_none());
            known.unwrap_or(self.epochs)
        });
        let answer = |answer| (answer, vec![epoch]);
        if frame.epoch.as_ref().is_some_and(|known| *known != [epoch]) {
            return answer(Answer::Lost);
        }
        if !self.alive.contains_key(&frame.process) {
            let at = self.tombs.get(&frame.process).copied();
            if at.is_some() || !frame.registers {
                return answer(Answer::Retired { at });
            }
        }
        let before = self.alive.get(&frame.process).map(|(sequence, _)| *sequence);
        let expected = frame.follows.is_none() || before == frame.follows || before == Some(frame.sequence);
        if before > Some(frame.sequence) || !expected {
            return answer(Answer::Other { before });
        }
        let (sequence, pages) = self.alive.entry(frame.process.clone()).or_default();
        *sequence = frame.sequence;
        pages.extend(frame.pages.iter().map(|(field, bytes)| (field.clone(), page::read(bytes))));
        answer(Answer::Ok)
    }

    fn patch(&mut self, frame: &Frame) -> bool {
        let Some((sequence, pages)) = self.alive.get_mut(&frame.process) else { return false };
        if Some(*sequence) != frame.follows {
            return false;
        }
        *sequence = frame.sequence;
        pages.extend(frame.pages.iter().map(|(field, bytes)| (field.clone(), page::read(bytes))));
        true
    }

    fn retire(&mut self, process: &str) {
        let Some((sequence, pages)) = self.alive.remove(process) else { return };
        for (field, values) in pages {
            let folded = self.folded.entry(field).or_default();
            folded.resize(folded.len().max(values.len()), 0.0);
            folded.iter_mut().zip(values).for_each(|(folded, value)| *folded += value);
        }
        self.tombs.insert(process.to_owned(), sequence);
    }

    /// What is on the page.
    fn total(&self) -> f64 {
        let alive = self.alive.values().flat_map(|(_, pages)| pages.values());
        alive.chain(self.folded.values()).flatten().sum()
    }
}

struct Client {
    session: Session,
    numbers: Vec<f64>,
    /// What is written down of a process that outlives its program.
    disk: Option<Record>,
    writes: bool,
}

impl Client {
    fn new(name: usize) -> Client {
        // Pages of two, so that few numbers are several. Who patches is not written down.
        let (session, writes) = (Session::new(format!("p{name}")), name % 2 == 1);
        let session = if writes { session } else { session.with_pages_of(2) };
        Client { session, numbers: vec![0.0; 3], disk: None, writes }
    }

    fn moment(&self) -> Moment {
        Moment { values: self.numbers.clone(), times: Vec::new(), schema: 10 * self.numbers.len() }
    }

    fn frame(&mut self) -> Frame {
        let now = self.moment();
        if !self.writes {
            return self.session.next(|| now).clone();
        }
        let frame = self.session.next_or_again(|| now).clone();
        if !self.session.is_again() {
            self.disk = self.session.record();
        }
        frame
    }

    fn answer(&mut self, (answer, epoch): (Answer, Vec<u8>)) {
        self.session.answer(&answer, &epoch, &[true; 40_000]);
    }

    /// Its program is killed, and started again.
    fn restart(&mut self) {
        if let Some(record) = &self.disk {
            self.session = Session::resume(record.clone());
        }
    }

    /// Sends one number, if it can be sent alone; what has no answer is sent again some time later.
    fn patch(&mut self, number: usize, fate: Fate, server: &mut Server, late: &mut Vec<Frame>) {
        if self.writes {
            return;
        }
        let change = Change { number, value: self.numbers[number], time: 0.0 };
        let Some(frame) = self.session.patch(vec![change]).cloned() else { return };
        match fate {
            Fate::Answered => {
                if server.patch(&frame) {
                    self.session.patched();
                } else {
                    let answer = server.flush(&frame);
                    self.answer(answer);
                }
            }
            Fate::Arrives => drop(server.patch(&frame)),
            Fate::Lost => late.push(frame),
        }
    }

    /// Until everything has arrived.
    fn settle(&mut self, server: &mut Server) {
        for _ in 0..10 {
            let frame = self.frame();
            let answer = server.flush(&frame);
            self.answer(answer);
            if self.session.has_arrived(&self.moment()) {
                return;
            }
        }
        panic!("ten frames were not enough");
    }
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// Without an answer.
    Arrives,
    /// It does not arrive; but perhaps later.
    Lost,
}

#[derive(Clone, Debug)]
enum Step {
    Add {
        client: usize,
        number: usize,
        by: u8,
    },
    /// A label set more, so that the schema grows; and over a page's end.
    Grow {
        client: usize,
    },
    Flush {
        client: usize,
    },
    /// Counts, and sends that alone; where that has no answer, as one that was lost.
    Patch {
        client: usize,
        number: usize,
        fate: Fate,
    },
    /// It arrives, and the answer does not.
    LoseAnswer {
        client: usize,
    },
    /// It does not arrive; but perhaps later.
    LoseFrame {
        client: usize,
    },
    /// A frame that was lost arrives after all.
    Late {
        which: usize,
    },
    Retire {
        client: usize,
    },
    /// The program is killed in any moment between two others, and started again.
    Restart {
        client: usize,
    },
    Empty,
    /// The key of the epoch alone is lost.
    LoseEpoch,
    /// The server writes down what it knows.
    Save,
    /// The server knows only what it has written down, if it has.
    GoBack,
}

fn steps(with_loss: bool) -> impl Strategy<Value = Vec<Step>> {
    let client = 0..3_usize;
    let fate = prop_oneof![3 => Just(Fate::Answered), 1 => Just(Fate::Arrives), 1 => Just(Fate::Lost)];
    let step = prop_oneof![
        6 => (client.clone(), 0..3_usize, 1..9_u8).prop_map(|(client, number, by)| Step::Add { client, number, by }),
        1 => client.clone().prop_map(|client| Step::Grow { client }),
        4 => client.clone().prop_map(|client| Step::Flush { client }),
        6 => (client.clone(), 0..3_usize, fate).prop_map(|(client, number, fate)| Step::Patch { client, number, fate }),
        2 => client.clone().prop_map(|client| Step::LoseAnswer { client }),
        2 => client.clone().prop_map(|client| Step::LoseFrame { client }),
        2 => (0..8_usize).prop_map(|which| Step::Late { which }),
        2 => client.clone().prop_map(|client| Step::Retire { client }),
        2 => (1..3_usize).prop_map(|client| Step::Restart { client }),
    ];
    let loss = prop_oneof![Just(Step::Empty), Just(Step::Save), Just(Step::GoBack), Just(Step::LoseEpoch)];
    if with_loss {
        vec(prop_oneof![12 => step, 1 => loss], 1..120).boxed()
    } else {
        vec(step, 1..120).boxed()
    }
}

/// Runs the steps; calls `after` with what all have counted and what is on the page.
fn run(steps: &[Step], mut after: impl FnMut(f64, f64)) -> (Server, Vec<Client>) {
    let (mut server, mut saved) = (Server::default(), None::<Server>);
    let mut clients: Vec<_> = (0..3).map(Client::new).collect();
    let mut late: Vec<Frame> = Vec::new();
    let mut late_patches: Vec<Frame> = Vec::new();
    for step in steps {
        match *step {
            Step::Add { client, number, by } => clients[client].numbers[number] += f64::from(by),
            Step::Grow { client } => {
                let len = clients[client].numbers.len();
                clients[client].numbers.resize(len + 300, 0.0);
            }
            Step::Flush { client } => {
                let frame = clients[client].frame();
                let answer = server.flush(&frame);
                clients[client].answer(answer);
            }
            Step::Patch { client, number, fate } => {
                clients[client].numbers[number] += 1.0;
                clients[client].patch(number, fate, &mut server, &mut late_patches);
            }
            Step::LoseAnswer { client } => drop(server.flush(&clients[client].frame())),
            Step::LoseFrame { client } => late.push(clients[client].frame()),
            Step::Late { which } if which < late.len() => drop(server.flush(&late.swap_remove(which))),
            Step::Late { which } if which < late_patches.len() => {
                server.patch(&late_patches.swap_remove(which));
            }
            Step::Late { .. } => {}
            Step::Retire { client } => {
                let names: Vec<_> = server
                    .alive
                    .keys()
                    .filter(|name| name.starts_with(&format!("p{client}")))
                    .cloned()
                    .collect();
                names.iter().for_each(|name| server.retire(name));
            }
            Step::Restart { client } => clients[client].restart(),
            Step::Empty => {
                server = Server { epochs: server.epochs, ..Server::default() };
                // The first frame of all knows no epoch. That it stays under way while its process is retired and
                // the database emptied is left out.
                late.retain(|frame| frame.epoch.is_some());
            }
            Step::LoseEpoch => server.epoch = None,
            Step::Save => saved = Some(server.clone()),
            Step::GoBack => {
                if let Some(saved) = &saved {
                    server = Server { epochs: server.epochs, ..saved.clone() };
                    late.clear();
                    late_patches.clear();
                }
            }
        }
        after(clients.iter().flat_map(|client| &client.numbers).sum(), server.total());
    }
    (server, clients)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_is_lost_late_or_retired_each_count_is_there_once_and_the_page_never_falls(steps in steps(false)) {
        let mut shown = 0.0;
        let mut wrong = None;
        let (mut server, mut clients) = run(&steps, |counted, total| {
            if total > counted || total < shown {
                wrong = Some((counted, total, shown));
            }
            shown = total;
        });
        prop_assert_eq!(wrong, None);
        clients.iter_mut().for_each(|client| client.settle(&mut server));
        let counted: f64 = clients.iter().flat_map(|client| &client.numbers).sum();
        prop_assert_eq!(server.total(), counted);
    }

    #[test]
    fn after_a_database_was_emptied_or_restored_what_is_not_folded_is_there_again(steps in steps(true)) {
        let (mut server, mut clients) = run(&steps, |_, _| ());
        for client in &mut clients {
            client.settle(&mut server);
            let frame = client.frame();
            let alive = &server.alive[&frame.process].1;
            let there: f64 = alive.values().flatten().sum();
            let folded: f64 = client.session.base.iter().sum();
            prop_assert_eq!(there + folded, client.numbers.iter().sum::<f64>());
        }
    }
}

#[test]
fn a_frame_says_what_has_changed_and_no_more() {
    let mut client = Client::new(1);
    let mut server = Server::default();
    client.numbers = vec![1.0; 1_200];
    client.settle(&mut server);
    client.numbers[600] = f64::NAN;
    let frame = client.frame();
    assert_eq!(frame.pages.iter().map(|(field, _)| &**field).collect::<Vec<_>>(), ["v1"]);
    assert_eq!((frame.registers, frame.schema), (false, (12_000, 12_000)));
    let answer = server.flush(&frame);
    client.answer(answer);
    assert_eq!(client.frame().pages, []);
}

#[test]
fn a_patch_is_one_page_whatever_else_there_is_and_times_go_with_their_numbers() {
    let mut client = Client::new(0);
    let mut server = Server::default();
    client.numbers = vec![1.0; 5];
    assert_eq!(
        client.session.patch(vec![Change { number: 0, value: 2.0, time: 0.0 }]),
        None,
        "nothing is there"
    );
    client.settle(&mut server);
    assert_eq!(client.session.patch(vec![Change { number: 5, value: 2.0, time: 0.0 }]), None, "that is new");
    assert_eq!(
        client.session.patch(vec![Change { number: 4, value: 2.0, time: 7.0 }]),
        None,
        "so is its time"
    );
    let change = |number, value| Change { number, value, time: 0.0 };
    let frame = client.session.patch(vec![change(3, 5.0), change(2, 4.0)]).unwrap().clone();
    assert_eq!(frame.pages, [("v1".to_owned(), page::write(&[4.0, 5.0]))]);
    assert_eq!(client.session.patch(vec![change(0, 9.0)]), None, "one is under way");
    assert!(server.patch(&frame));
    client.session.patched();
    client.numbers[2..4].copy_from_slice(&[4.0, 5.0]);
    assert!(client.session.has_arrived(&client.moment()));

    let mut session = Session::new("p".to_owned()).with_pages_of(2);
    let moment = Moment { values: vec![1.0; 3], times: vec![7.0, 0.0, 8.0], schema: 9 };
    let sequence = session.next(|| moment).sequence;
    assert_eq!(sequence, 1);
    session.answer(&Answer::Ok, b"e", &[]);
    let frame = session.patch(vec![Change { number: 2, value: 3.0, time: 9.5 }]).unwrap();
    let expected = [("v1".to_owned(), page::write(&[3.0])), ("t1".to_owned(), page::write(&[9.5]))];
    assert_eq!(frame.pages, expected);
}

#[test]
fn numbers_that_do_not_add_up_are_sent_whole_by_a_process_that_comes_back() {
    let mut client = Client::new(0);
    let mut server = Server::default();
    client.numbers = vec![5.0, 7.0];
    client.settle(&mut server);
    server.retire("p0");
    let answer = server.flush(&client.frame());
    client.session.answer(&answer.0, &answer.1, &[true, false]);
    client.numbers[0] = 6.0;
    let frame = client.frame();
    assert_eq!(frame.process, "p0+1");
    assert_eq!(frame.pages, [("v0".to_owned(), page::write(&[1.0, 7.0]))]);
}

#[test]
fn a_process_that_only_lives_sends_its_last_frame_again_and_writes_nothing_down() {
    let mut client = Client::new(1);
    let mut server = Server::default();
    client.numbers = vec![5.0];
    client.settle(&mut server);
    let written = client.disk.clone();
    for _ in 0..3 {
        let frame = client.frame();
        assert_eq!((frame.sequence, &frame.pages[..]), (1, &[][..]));
        let answer = server.flush(&frame);
        assert_eq!(answer.0, Answer::Ok);
        client.answer(answer);
    }
    assert_eq!(client.disk, written);
    client.numbers[0] = 6.0;
    assert_eq!(client.frame().sequence, 2);
}

#[test]
fn who_goes_on_under_another_name_sends_what_is_counted_from_then_on() {
    let mut client = Client::new(1);
    let mut server = Server::default();
    client.numbers = vec![5.0, 7.0];
    client.settle(&mut server);
    let mut copy = Client::new(2);
    copy.session = Session::branch("copy".to_owned(), vec![5.0, 7.0]);
    copy.numbers = vec![6.0, 7.0];
    copy.settle(&mut server);
    assert_eq!(server.total(), 13.0);
}

#[test]
fn an_epoch_that_alone_is_lost_costs_nothing_and_counts_nothing_twice() {
    let mut server = Server::default();
    let mut clients = [Client::new(0), Client::new(1)];
    for client in &mut clients {
        client.numbers = vec![5.0, 7.0];
        client.settle(&mut server);
    }
    // One of them was retired, and does not know.
    server.retire("p0");
    server.epoch = None;
    for client in &mut clients {
        client.numbers[0] += 1.0;
        client.settle(&mut server);
    }
    assert_eq!((server.total(), server.epochs), (26.0, 1));
}
