use std::path::Path;

use groups_testkit::{Clock as Hand, Step, Tested, agrees, steps};
use proptest::prelude::*;

use super::*;

/// A store that is closed and opened again whenever it is told to.
struct Reopened {
    store: Option<LogStore>,
    options: Options,
}

impl Reopened {
    fn open(options: Options) -> Reopened {
        Reopened { store: Some(LogStore::open(options.clone()).expect("opens")), options }
    }
}

impl Tested for Reopened {
    fn store(&self) -> &dyn GroupStore {
        self.store.as_ref().expect("is open")
    }

    fn restart(&mut self) {
        if self.options.directory.is_some() {
            drop(self.store.take());
            self.store = Some(LogStore::open(self.options.clone()).expect("opens again"));
        }
    }
}

fn by_hand(directory: Option<&Path>, clock: &Hand, snapshot_after: u64, sync: Sync) -> Options {
    let clock = clock.clone();
    Options {
        directory: directory.map(Path::to_owned),
        sync,
        snapshot_after,
        clock: Some(Arc::new(move || clock.now())),
        ..Options::in_memory()
    }
}

const BEGIN: u64 = 1_700_000_000_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_does_as_the_model_does(steps in steps(40), snapshot_after in prop::sample::select(vec![0_u64, 2000, 1 << 30]), sync in prop::sample::select(vec![Sync::Always, Sync::Interval(Duration::from_millis(1)), Sync::Never])) {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = Hand::at(BEGIN);
        let mut store = Reopened::open(by_hand(Some(directory.path()), &clock, snapshot_after, sync));
        agrees(&mut store, Some(&clock), &steps);
    }

    #[test]
    fn it_does_as_the_model_does_in_memory(steps in steps(60)) {
        let clock = Hand::at(BEGIN);
        let mut store = Reopened::open(by_hand(None, &clock, 0, Sync::Always));
        let steps: Vec<Step> = steps;
        agrees(&mut store, Some(&clock), &steps);
    }
}
