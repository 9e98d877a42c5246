use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What the script does, on maps.
#[derive(Default)]
struct Server {
    epoch: Option<u8>,
    epochs: u8,
    sequences: BTreeMap<usize, u64>,
    /// By process and number; in truth those of all processes are one.
    values: BTreeMap<(usize, usize), f64>,
    /// What has been added to this database.
    added: BTreeSet<(usize, u64)>,
}

impl Server {
    fn add(&mut self, process: usize, parcel: &Parcel) -> (Told, Vec<u8>) {
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.epochs += 1;
            self.epochs
        });
        if parcel.epoch.as_ref().is_some_and(|known| *known != [epoch]) {
            return (Told::Lost, vec![epoch]);
        }
        let before = self.sequences.get(&process);
        if before.is_none() && !parcel.registers {
            return (Told::Unknown, vec![epoch]);
        }
        if before < Some(&parcel.sequence) {
            self.sequences.insert(process, parcel.sequence);
            self.added.insert((process, parcel.sequence));
            for &(number, by) in &parcel.amounts {
                *self.values.entry((process, number)).or_default() += by;
            }
        }
        (Told::Added, vec![epoch])
    }

    fn of(&self, process: usize) -> f64 {
        self.values.range((process, 0)..(process + 1, 0)).map(|(_, value)| value).sum()
    }
}

#[derive(Default)]
struct Client {
    deltas: Deltas,
    numbers: Vec<f64>,
    /// What it takes for added, and of that what was added to databases that are gone.
    taken: f64,
    gone: f64,
    /// What it takes for added to the database that there is, and was not.
    dropped: f64,
}

impl Client {
    /// Label sets of one number and of two by turns.
    fn counted(&self) -> Counted {
        let ends = (0..self.numbers.len()).filter(|number| number % 3 != 1).map(|number| number + 1);
        let mut ends: Vec<usize> = ends.collect();
        if ends.last() != Some(&self.numbers.len()) {
            ends.push(self.numbers.len());
        }
        Counted { values: self.numbers.clone(), ends }
    }

    fn next(&mut self) -> Option<Parcel> {
        let now = self.counted();
        self.deltas.next(|| now).cloned()
    }

    /// Sends once; false where there is nothing to send.
    fn send(&mut self, process: usize, server: &mut Server) -> bool {
        let Some(parcel) = self.next() else { return false };
        let (told, epoch) = server.add(process, &parcel);
        let amount: f64 = parcel.amounts.iter().map(|(_, by)| by).sum();
        let forgotten = told == Told::Unknown && self.deltas.in_doubt;
        if told == Told::Added || forgotten {
            self.taken += amount;
        }
        if forgotten && !server.added.contains(&(process, parcel.sequence)) {
            self.dropped += amount;
        }
        assert_eq!(self.deltas.answer(told, &epoch), forgotten);
        true
    }

    fn settle(&mut self, process: usize, server: &mut Server) {
        let sent = (0..100).take_while(|_| self.send(process, server)).count();
        assert!(sent < 100, "a hundred frames were not enough");
    }

    fn total(&self) -> f64 {
        self.numbers.iter().sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add {
        client: usize,
        number: usize,
        by: i8,
    },
    Grow {
        client: usize,
        by: usize,
    },
    Send {
        client: usize,
    },
    /// It arrives, and the answer does not.
    LoseAnswer {
        client: usize,
    },
    /// It does not arrive; but perhaps later.
    LoseFrame {
        client: usize,
    },
    /// One that was lost arrives after all, while the server still knows its process.
    Late {
        which: usize,
    },
    /// The sequence number of a process is kept no more.
    Forget {
        client: usize,
    },
    Empty,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..3_usize;
    vec(
        prop_oneof![
            6 => (client.clone(), 0..3_usize, -9..9_i8).prop_map(|(client, number, by)| Step::Add { client, number, by }),
            1 => (client.clone(), 1..900_usize).prop_map(|(client, by)| Step::Grow { client, by }),
            5 => client.clone().prop_map(|client| Step::Send { client }),
            2 => client.clone().prop_map(|client| Step::LoseAnswer { client }),
            2 => client.clone().prop_map(|client| Step::LoseFrame { client }),
            2 => (0..8_usize).prop_map(|which| Step::Late { which }),
            1 => client.prop_map(|client| Step::Forget { client }),
            1 => Just(Step::Empty),
        ],
        1..100,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn each_count_is_added_once_and_only_what_is_in_doubt_when_it_is_forgotten_is_lost(
        steps in steps(), forgets in any::<bool>(), empties in any::<bool>(),
    ) {
        let mut server = Server::default();
        let mut clients: Vec<Client> = (0..3).map(|_| Client::default()).collect();
        clients.iter_mut().for_each(|client| client.numbers = vec![0.0; 3]);
        let mut late: Vec<(usize, Parcel)> = Vec::new();
        for step in &steps {
            match *step {
                Step::Add { client, number, by } => clients[client].numbers[number] += f64::from(by),
                Step::Grow { client, by } => {
                    let len = clients[client].numbers.len() + by;
                    clients[client].numbers.resize(len, 1.0);
                }
                Step::Send { client } => {
                    clients[client].send(client, &mut server);
                }
                Step::LoseAnswer { client } => {
                    if let Some(parcel) = clients[client].next() {
                        server.add(client, &parcel);
                        clients[client].deltas.doubt();
                    }
                }
                Step::LoseFrame { client } => {
                    if let Some(parcel) = clients[client].next() {
                        late.push((client, parcel));
                        clients[client].deltas.doubt();
                    }
                }
                Step::Late { which } => {
                    if which < late.len() {
                        let (client, parcel) = late.swap_remove(which);
                        server.add(client, &parcel);
                    }
                }
                Step::Forget { client } => {
                    if forgets {
                        server.sequences.remove(&client);
                        // What is under way for a day is none of this: only what registers would be taken.
                        late.retain(|(of, parcel)| *of != client || !parcel.registers);
                    }
                }
                Step::Empty => {
                    if empties {
                        clients.iter_mut().for_each(|client| (client.gone, client.dropped) = (client.taken, 0.0));
                        server = Server { epochs: server.epochs, ..Server::default() };
                        late.retain(|(_, parcel)| parcel.epoch.is_some());
                    }
                }
            }
        }
        for (process, client) in clients.iter_mut().enumerate() {
            // Who counts nothing more does not notice that the database was emptied.
            client.numbers[0] += 1_000_000.0;
            client.settle(process, &mut server);
            // What had no answer when a database was emptied is there in the next, wherever it was before.
            prop_assert_eq!(server.of(process), client.total() - client.gone - client.dropped);
            if !forgets {
                prop_assert_eq!(client.dropped, 0.0);
            }
            let known = server.values.range((process, 0)..(process + 1, 0)).count();
            prop_assert_eq!(known, client.numbers.len(), "every number is there, at 0 or more");
        }
    }
}

#[test]
fn a_process_makes_itself_known_with_a_frame_that_adds_nothing() {
    let (mut client, mut server) = (Client { numbers: vec![5.0], ..Client::default() }, Server::default());
    assert_eq!(Client::default().next(), None, "who counts nothing is nobody");
    let parcel = client.next().unwrap();
    assert_eq!((parcel.registers, &parcel.amounts[..]), (true, &[][..]));
    client.send(0, &mut server);
    let parcel = client.next().unwrap();
    assert_eq!((parcel.registers, &parcel.amounts[..]), (false, &[(0, 5.0)][..]));
    client.send(0, &mut server);
    assert_eq!(client.next(), None);
}

#[test]
fn a_label_set_is_added_as_a_whole_and_a_frame_has_an_end() {
    let mut client = Client { numbers: vec![1.0; 3_000], ..Client::default() };
    client.send(0, &mut Server::default());
    let parcel = client.next().unwrap();
    // Label sets have one number and two by turns, and 1,000 is in the middle of one.
    assert_eq!((parcel.amounts.len(), parcel.is_all), (1_000, false));
    let huge = Counted { values: vec![1.0; 3_000], ends: vec![3_000] };
    let mut deltas = Deltas { registered: true, ..Deltas::default() };
    assert_eq!(deltas.next(|| huge).unwrap().amounts.len(), 3_000);
}

#[test]
fn what_rounding_leaves_of_a_difference_is_added_next() {
    let (mut client, mut server) = (Client { numbers: vec![1e16], ..Client::default() }, Server::default());
    client.settle(0, &mut server);
    client.numbers[0] = 0.1;
    client.settle(0, &mut server);
    assert_eq!(server.of(0), 0.1);
    client.numbers[0] = f64::NAN;
    client.settle(0, &mut server);
    assert!(server.of(0).is_nan());
}
