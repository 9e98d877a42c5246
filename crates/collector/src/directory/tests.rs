#![allow(clippy::unwrap_used)]

#[allow(dead_code, clippy::duplicate_mod)] // the oracle uses the rest
#[path = "../../tests/oracle/model.rs"]
mod model;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use exposition::Format;
use proptest::prelude::*;

use super::*;
use crate::{By, Collector};

/// A directory whose writers a test lets live and die.
struct Scene {
    directory: tempfile::TempDir,
    living: BTreeMap<String, fs::File>,
    hidden: usize,
}

impl Scene {
    fn new() -> Scene {
        Scene { directory: tempfile::tempdir().unwrap(), living: BTreeMap::new(), hidden: 0 }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn claim_file(&self, writer: &str) -> PathBuf {
        self.path().join(dialects::claim_file(writer))
    }

    /// Makes the dot-file of a writer and locks it, as a store does.
    fn claim(&mut self, writer: &str) {
        let boot = fs::read_to_string(dialects::BOOT).unwrap();
        let path = self.claim_file(writer);
        fs::write(&path, format!("format 1\npid 7\nboot {boot}unit a seconds\n")).unwrap();
        let file = fs::File::open(path).unwrap();
        file.lock().unwrap();
        self.living.insert(writer.to_owned(), file);
    }

    fn die(&mut self, writer: &str) {
        self.living.remove(writer).unwrap();
    }

    /// Puts a file out of sight. It is not deleted, so that its number is not given again: where nobody but their
    /// stores makes files of such names, one of the same name and number is the same.
    fn hide(&mut self, name: &str) {
        self.hidden += 1;
        let _ = fs::rename(self.path().join(name), self.path().join(format!(".hidden-{}", self.hidden)));
    }

    /// Writes a counter's value over the file of this name, or makes it.
    fn write(&self, name: &str, series: &str, value: f64) {
        let mut bytes = vec![0; dialects::HEADER_LEN];
        for (series, value) in [("common", 1.0), (series, value)] {
            let key = format!(r#"["c", "c_total", {{"s": "{series}"}}, "Help."]"#);
            dialects::push_record(dialects::Dialect::PYTHON, key.as_bytes(), value, 0.0, &mut bytes);
        }
        let used = bytes.len() as u32;
        bytes[..4].copy_from_slice(&used.to_ne_bytes());
        fs::write(self.path().join(name), bytes).unwrap();
    }
}

/// A collector of directories that asks at every scrape who has died.
struct Watcher {
    collector: Collector,
}

impl Watcher {
    fn of(scenes: &[&Scene], catalog: Catalog) -> Watcher {
        Watcher::asking(Some(Duration::ZERO), scenes, catalog)
    }

    fn asking(asks_every: Option<Duration>, scenes: &[&Scene], catalog: Catalog) -> Watcher {
        let directory = |(at, scene): (usize, &&Scene)| Directory {
            path: scene.path().to_owned(),
            labels: if scenes.len() == 1 { vec![] } else { vec![("d".to_owned(), at.to_string())] },
        };
        let mut source = DirSource::new(scenes.iter().enumerate().map(directory).collect(), catalog).unwrap();
        source.shared.asks_every = asks_every;
        Watcher { collector: Collector::new(vec![Box::new(source)]) }
    }

    /// A source for each directory.
    fn of_each(scenes: &[Scene], catalog: impl Fn() -> Catalog) -> Watcher {
        let source = |scene| {
            let directory = Directory { path: Scene::path(scene).to_owned(), labels: vec![] };
            let mut source = DirSource::new(vec![directory], catalog()).unwrap();
            source.shared.asks_every = Some(Duration::ZERO);
            Box::new(source) as Box<dyn Source>
        };
        Watcher { collector: Collector::new(scenes.iter().map(source).collect()) }
    }

    fn page(&self, ask: &Ask) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let page = runtime.block_on(self.collector.collect(ask)).unwrap();
        let mut text = Vec::new();
        exposition::encode(Format::TEXT, &page, &mut text);
        String::from_utf8(text).unwrap()
    }

    /// The lines with numbers.
    fn scrape(&self) -> Vec<String> {
        let page = self.page(&Ask::default());
        page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// The sum of one of its own metrics, over all directories.
    fn own(&self, name: &str) -> f64 {
        let own = self.collector.own();
        let family = own.families.iter().find(|family| *family.name == *name).unwrap();
        family.samples.iter().map(|sample| sample.value).sum()
    }

    /// Scrapes, and says how many files were read for it, of files that were read before and have not grown.
    fn files_read(&self) -> f64 {
        let before = self.own("multiprom_directory_read_bytes");
        self.scrape();
        // A file of `Scene::write` from the number of its first record on.
        (self.own("multiprom_directory_read_bytes") - before) / 72.0
    }
}

fn common_and(rest: &[&str]) -> Vec<String> {
    rest.iter().map(|line| format!("c_total{{s={line}")).collect()
}

#[test]
fn what_was_written_in_the_last_moment_is_on_the_page_and_then_the_file_is_not_read_again() {
    let mut scene = Scene::new();
    scene.claim("7-r0");
    scene.write("counter_7-r0.db", "aa", 1.0);
    let watcher = Watcher::of(&[&scene], Catalog::default());
    assert_eq!(watcher.scrape(), common_and(&["\"common\"} 1.0", "\"aa\"} 1.0"]));
    scene.write("counter_7-r0.db", "aa", 5.0);
    scene.die("7-r0");
    assert_eq!(watcher.scrape(), common_and(&["\"common\"} 1.0", "\"aa\"} 5.0"]));
    for _ in 0..3 {
        assert_eq!(watcher.files_read(), 0.0);
        assert_eq!(watcher.scrape(), common_and(&["\"common\"} 1.0", "\"aa\"} 5.0"]));
    }
    let own = ["files", "settled_files", "records", "bad_files"];
    let own = own.map(|what| watcher.own(&format!("multiprom_directory_{what}")));
    assert_eq!(own, [1.0, 1.0, 2.0, 0.0]);
}

#[test]
fn a_file_of_a_living_writer_is_read_at_every_scrape() {
    let mut scene = Scene::new();
    scene.claim("7-r0");
    let watcher = Watcher::of(&[&scene], Catalog::default());
    scene.write("counter_7-r0.db", "aa", 0.0);
    watcher.scrape();
    for value in 1..5 {
        scene.write("counter_7-r0.db", "aa", f64::from(value));
        assert_eq!(watcher.files_read(), 1.0);
        assert_eq!(watcher.scrape()[1], format!("c_total{{s=\"aa\"}} {value}.0"));
    }
    assert_eq!(watcher.own("multiprom_directory_settled_files"), 0.0);
}

#[test]
fn only_a_lock_that_can_be_had_tells_that_a_writer_is_dead() {
    let mut scene = Scene::new();
    for name in
        ["counter_7.db", "counter_worker_7-r0.db", "counter_8-r0.db", "counter_9-r0.db", "counter_10-r0.db"]
    {
        scene.write(name, "aa", 1.0);
    }
    // That of an identifier which is not the file's; one of another boot; one that says nothing; a directory.
    scene.claim("7-r0");
    scene.die("7-r0");
    fs::write(scene.claim_file("8-r0"), "format 1\nboot another\n").unwrap();
    fs::write(scene.claim_file("9-r0"), "").unwrap();
    fs::create_dir(scene.claim_file("10-r0")).unwrap();
    let watcher = Watcher::of(&[&scene], Catalog::default());
    watcher.scrape();
    for _ in 0..4 {
        assert_eq!(watcher.files_read(), 5.0);
    }
}

#[test]
fn without_its_dot_file_a_file_is_read_at_every_scrape() {
    let mut scene = Scene::new();
    scene.claim("7-r0");
    scene.write("counter_7-r0.db", "aa", 1.0);
    let watcher = Watcher::of(&[&scene], Catalog::default());
    scene.die("7-r0");
    (0..2).for_each(|_| drop(watcher.scrape()));
    assert_eq!(watcher.files_read(), 0.0);
    fs::remove_file(scene.claim_file("7-r0")).unwrap();
    for value in 2..5 {
        scene.write("counter_7-r0.db", "aa", f64::from(value));
        assert_eq!(watcher.scrape()[1], format!("c_total{{s=\"aa\"}} {value}.0"));
    }
}

#[test]
fn a_dot_file_claimed_again_does_not_speak_for_the_files_of_before() {
    let mut scene = Scene::new();
    scene.write("counter_7-r0.db", "aa", 1.0);
    std::thread::sleep(Duration::from_millis(20));
    scene.claim("7-r0");
    scene.write("gauge_all_7-r0.db", "aa", 1.0);
    scene.die("7-r0");
    let watcher = Watcher::of(&[&scene], Catalog::default());
    (0..3).for_each(|_| drop(watcher.scrape()));
    let born = fs::metadata(scene.path()).unwrap().created().is_ok();
    assert_eq!(watcher.own("multiprom_directory_settled_files"), if born { 1.0 } else { 2.0 });
}

#[test]
fn a_settled_file_that_is_deleted_leaves_the_page() {
    let mut scene = Scene::new();
    for (writer, name) in
        [("7-r0", "counter_7-r0.db"), ("8-r0", "counter_8-r0.db"), ("9-r0", "counter_9-r0.db")]
    {
        scene.claim(writer);
        scene.write(name, &writer[..2], 1.0);
    }
    let watcher = Watcher::of(&[&scene], Catalog::default());
    scene.die("7-r0");
    scene.die("8-r0");
    (0..3).for_each(|_| drop(watcher.scrape()));
    assert_eq!(watcher.files_read(), 1.0);
    fs::remove_file(scene.path().join("counter_7-r0.db")).unwrap();
    assert_eq!(watcher.scrape(), common_and(&["\"common\"} 2.0", "\"8-\"} 1.0", "\"9-\"} 1.0"]));
    assert_eq!(watcher.files_read(), 1.0);
}

#[test]
fn another_file_of_the_same_name_is_read() {
    let mut scene = Scene::new();
    scene.claim("7-r0");
    scene.write("counter_7-r0.db", "aa", 1.0);
    let watcher = Watcher::of(&[&scene], Catalog::default());
    scene.die("7-r0");
    (0..3).for_each(|_| drop(watcher.scrape()));
    assert_eq!(watcher.files_read(), 0.0);
    scene.write("other", "aa", 9.0);
    fs::rename(scene.path().join("other"), scene.path().join("counter_7-r0.db")).unwrap();
    assert_eq!(watcher.scrape()[1], "c_total{s=\"aa\"} 9.0");
    assert_eq!(watcher.files_read(), 0.0);
}

/// A container that begins anew has the same process numbers, and an emptied directory gives the same file numbers
/// again.
#[test]
fn a_namesake_after_the_directory_was_emptied_is_read() {
    let mut scene = Scene::new();
    let watcher = Watcher::of(&[&scene], Catalog::default());
    for value in 1..5 {
        scene.claim("7-r0");
        scene.write("counter_7-r0.db", "aa", 0.0);
        assert_eq!(watcher.scrape()[1], "c_total{s=\"aa\"} 0.0", "{value}");
        scene.write("counter_7-r0.db", "aa", f64::from(value));
        assert_eq!(watcher.scrape()[1], format!("c_total{{s=\"aa\"}} {value}.0"));
        scene.die("7-r0");
        (0..3).for_each(|_| drop(watcher.scrape()));
        assert_eq!(watcher.files_read(), 0.0);
        fs::remove_file(scene.path().join("counter_7-r0.db")).unwrap();
        fs::remove_file(scene.claim_file("7-r0")).unwrap();
    }
}

#[test]
fn two_directories_settle_each_for_itself() {
    let mut scenes = [Scene::new(), Scene::new()];
    for scene in &mut scenes {
        scene.claim("7-r0");
        scene.write("counter_7-r0.db", "aa", 1.0);
    }
    let watcher = Watcher::of(&[&scenes[0], &scenes[1]], Catalog::default());
    scenes[1].die("7-r0");
    (0..3).for_each(|_| drop(watcher.scrape()));
    assert_eq!(watcher.files_read(), 1.0);
    scenes[0].write("counter_7-r0.db", "aa", 4.0);
    let values: Vec<String> = watcher.scrape();
    let values: Vec<_> = values.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(values, ["1.0", "4.0", "1.0", "1.0"]);
}

#[test]
fn a_damaged_file_of_the_dead_is_read_until_somebody_mends_it() {
    let mut scene = Scene::new();
    scene.claim("7-r0");
    scene.write("counter_7-r0.db", "aa", 1.0);
    let path = scene.path().join("counter_7-r0.db");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    scene.die("7-r0");
    let watcher = Watcher::of(&[&scene], Catalog::default());
    (0..3).for_each(|_| assert_eq!(watcher.scrape().len(), 1));
    fs::write(&path, &whole).unwrap();
    (0..3).for_each(|_| assert_eq!(watcher.scrape().len(), 2));
    assert_eq!(watcher.files_read(), 0.0);
}

#[test]
fn a_new_file_in_the_same_tick_of_the_clock_is_found() {
    let scene = Scene::new();
    let mut folder = Folder::default();
    for number in 0..200 {
        scene.write(&format!("counter_{number}.db"), "aa", 1.0);
        folder.list(scene.path(), SystemTime::now()).unwrap();
        assert_eq!(folder.files().len(), number + 1);
    }
}

#[test]
fn a_directory_that_nobody_has_touched_for_a_while_is_not_listed_again() {
    let scene = Scene::new();
    scene.write("counter_1.db", "aa", 1.0);
    let mut folder = Folder::default();
    let later = SystemTime::now() + Duration::from_secs(10);
    assert!(folder.list(scene.path(), later).unwrap());
    // What is not as it was listed is not noticed: it was not listed.
    folder.pretend_empty();
    assert!(!folder.list(scene.path(), later).unwrap());
    assert!(folder.files().is_empty());
    std::thread::sleep(Duration::from_millis(20));
    scene.write("counter_2.db", "aa", 1.0);
    assert!(folder.list(scene.path(), later).unwrap());
    assert_eq!(folder.files().len(), 2);
}

/// What happens between two scrapes.
#[derive(Clone, Debug)]
enum Event {
    /// A file of this name appears, or another one takes its place.
    Appears(model::File),
    /// A living process writes into one of its files.
    Writes(usize, Vec<f64>),
    /// A living process makes more series.
    Appends(usize, model::File),
    Vanishes(usize),
    Dies(&'static str),
    /// Somebody deletes a dot-file.
    Unclaimed(&'static str),
}

const WRITERS: [&str; 4] = ["7-r0", "7-r1", "10-r0", "12-r0"];

fn file(natures: Vec<model::Nature>) -> impl Strategy<Value = model::File> {
    (model::file(natures, 10), prop::sample::select(WRITERS.to_vec())).prop_map(|(mut file, writer)| {
        // One in three stays another client's.
        if file.process != "10" || writer == WRITERS[0] {
            file.process = writer.to_owned();
        }
        file
    })
}

fn event(natures: Vec<model::Nature>) -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        8 => (0..4000_i32).prop_map(|it| f64::from(it) / 8.0),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN]),
    ];
    let writer = || prop::sample::select(WRITERS.to_vec());
    prop_oneof![
        4 => file(natures.clone()).prop_map(Event::Appears),
        3 => (0..64_usize, prop::collection::vec(value, 1..8)).prop_map(|(at, it)| Event::Writes(at, it)),
        3 => (0..64_usize, file(natures)).prop_map(|(at, more)| Event::Appends(at, more)),
        1 => (0..64_usize).prop_map(Event::Vanishes),
        3 => writer().prop_map(Event::Dies),
        1 => writer().prop_map(Event::Unclaimed),
    ]
}

fn story() -> impl Strategy<Value = (Vec<model::File>, Vec<Vec<Event>>)> {
    prop::collection::vec(model::nature(), 1..4).prop_flat_map(|natures| {
        let files = prop::collection::vec(file(natures.clone()), 2..10);
        (files, prop::collection::vec(prop::collection::vec(event(natures), 0..3), 1..10))
    })
}

fn happen(event: Event, files: &mut Vec<model::File>, scene: &mut Scene) {
    let lives = |scene: &Scene, file: &model::File| {
        !WRITERS.contains(&&*file.process) || scene.living.contains_key(&file.process)
    };
    let at = |number: usize, files: &[model::File]| (!files.is_empty()).then(|| number % files.len());
    match event {
        Event::Appears(file) => {
            files.retain(|known| known.name() != file.name());
            scene.hide(&file.name());
            file.write(scene.path(), false);
            files.push(file);
            files.sort_by_key(model::File::name);
        }
        Event::Writes(number, values) => {
            let Some(at) = at(number, files).filter(|&at| lives(scene, &files[at])) else { return };
            for (record, value) in files[at].records.iter_mut().zip(values) {
                record.value = value;
            }
            files[at].write(scene.path(), false);
        }
        Event::Appends(number, more) => {
            let Some(at) = at(number, files).filter(|&at| lives(scene, &files[at])) else { return };
            let file = &mut files[at];
            let same =
                (file.dialect, file.kind, file.aggregation) == (more.dialect, more.kind, more.aggregation);
            if same {
                let number = |it: &model::Record| (it.family.clone(), it.suffix, it.labels.clone(), it.le);
                let known: Vec<_> = file.records.iter().map(number).collect();
                file.records.extend(more.records.into_iter().filter(|it| !known.contains(&number(it))));
                file.write(scene.path(), false);
            }
        }
        Event::Vanishes(number) => {
            let Some(at) = at(number, files) else { return };
            scene.hide(&files.remove(at).name());
        }
        Event::Dies(writer) => drop(scene.living.remove(writer)),
        Event::Unclaimed(writer) => drop(fs::remove_file(scene.claim_file(writer))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    /// Numbers that add up without rounding: the page is the same to the last byte.
    #[test]
    fn a_page_is_the_same_whether_files_settle_or_are_all_read_anew((files, rounds) in story()) {
        let mut scene = Scene::new();
        WRITERS.iter().for_each(|writer| scene.claim(writer));
        let mut known = Vec::new();
        files.into_iter().for_each(|file| happen(Event::Appears(file), &mut known, &mut scene));
        let catalog = || Catalog::parse(model::ruby_catalog().as_bytes()).unwrap();
        let kept = Watcher::of(&[&scene], catalog());
        // What keys have told is not forgotten with their file, so that a fresh one would guess otherwise.
        let [guessing, reading] = [Some(Duration::ZERO), None]
            .map(|every| Watcher::asking(every, &[&scene], Catalog::default()));
        let by_process = Ask { by: By::Process, ..Ask::default() };
        for round in rounds {
            for ask in [Ask::default(), by_process.clone(), Ask::default()] {
                let fresh = Watcher::of(&[&scene], catalog()).page(&ask);
                prop_assert_eq!(kept.page(&ask), fresh);
                prop_assert_eq!(guessing.page(&ask), reading.page(&ask));
            }
            round.into_iter().for_each(|event| happen(event, &mut known, &mut scene));
        }
    }

    #[test]
    fn several_sources_settle_and_are_merged_as_if_all_were_read_anew((files, rounds) in story()) {
        let mut scenes = [Scene::new(), Scene::new()];
        let mut known = [Vec::new(), Vec::new()];
        scenes.iter_mut().for_each(|scene| WRITERS.iter().for_each(|writer| scene.claim(writer)));
        let mut happens = |number: usize, event, scenes: &mut [Scene; 2]| {
            happen(event, &mut known[number % 2], &mut scenes[number % 2]);
        };
        for (number, file) in files.into_iter().enumerate() {
            happens(number, Event::Appears(file), &mut scenes);
        }
        let catalog = || Catalog::parse(model::ruby_catalog().as_bytes()).unwrap();
        let kept = Watcher::of_each(&scenes, catalog);
        for (turn, round) in rounds.into_iter().enumerate() {
            for _ in 0..3 {
                let fresh = Watcher::of_each(&scenes, catalog).page(&Ask::default());
                prop_assert_eq!(kept.page(&Ask::default()), fresh);
            }
            for (number, event) in round.into_iter().enumerate() {
                happens(turn + number, event, &mut scenes);
            }
        }
    }
}
