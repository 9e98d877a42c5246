//! A disk that forgets: whatever was not synced may be there after a power cut, sector by sector, or not.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile};
use crate::journal::lock;

/// See the head of this file: the disk, as it is seen until the power is next cut.
pub(crate) struct ModelDisk {
    world: Arc<Mutex<World>>,
    boots: u64,
}

#[derive(Default)]
struct World {
    files: Vec<File>,
    /// Names as the system has them, and as they would be found after a power cut if nothing pending gets there.
    names: BTreeMap<String, usize>,
    lasting_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
    /// How often the power was cut: what was open before is dead.
    boots: u64,
    off: bool,
    chance: Chance,
    faults: Faults,
    /// Called before each sync of a file.
    watch: Option<Watch>,
}

/// Looks at something while a disk is busy.
pub(crate) type Watch = Arc<dyn Fn() + Send + Sync>;

/// What goes wrong.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// The power goes after so many operations.
    pub(crate) off_after: Option<u64>,
    /// One in so many syncs of a file fails; 0 for none.
    pub(crate) sync_fails: u64,
    /// One in so many writes stops in the middle; 0 for none.
    pub(crate) write_fails: u64,
    /// No more bytes than this fit.
    pub(crate) capacity: Option<u64>,
}

#[derive(Default)]
struct File {
    now: Vec<u8>,
    lasting: Vec<u8>,
    pending: Vec<(usize, Vec<u8>)>,
}

enum NameChange {
    Is(String, usize),
    Renamed(String, String),
    Gone(String),
}

/// Numbers that look random, the same for the same seed.
#[derive(Clone, Copy)]
pub(crate) struct Chance(u64);

const SECTOR: usize = 512;

impl Default for Chance {
    fn default() -> Chance {
        Chance::new(1)
    }
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed | 1)
    }

    /// Below `limit`. Source: xorshift64*, Marsaglia 2003 and Vigna 2016.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit.max(1)
    }
}

impl ModelDisk {
    pub(crate) fn new(seed: u64) -> ModelDisk {
        let world = World { chance: Chance::new(seed), ..World::default() };
        ModelDisk { world: Arc::new(Mutex::new(world)), boots: 0 }
    }

    /// The same disk, as who starts now sees it.
    pub(crate) fn now(&self) -> ModelDisk {
        ModelDisk { world: self.world.clone(), boots: lock(&self.world).boots }
    }

    /// From now on this goes wrong.
    pub(crate) fn set(&self, faults: Faults) {
        lock(&self.world).faults = faults;
    }

    /// From now on this is called before each sync of a file.
    pub(crate) fn watch(&self, watch: Watch) {
        lock(&self.world).watch = Some(watch);
    }

    pub(crate) fn is_off(&self) -> bool {
        lock(&self.world).off
    }

    /// The power goes, and comes back.
    pub(crate) fn cut(&self) {
        let mut world = lock(&self.world);
        let World { files, chance, names, lasting_names, pending_names, .. } = &mut *world;
        // Sometimes nothing gets there, sometimes all of it.
        let likely = [0, 1, 2, 3, 4][chance.below(5) as usize];
        for file in files.iter_mut() {
            file.reach(chance, likely);
            file.now = file.lasting.clone();
        }
        for change in pending_names.drain(..) {
            if chance.below(4) < likely {
                change.make(lasting_names);
            }
        }
        *names = lasting_names.clone();
        world.boots += 1;
        world.off = false;
        world.faults = Faults::default();
    }

    /// The bytes of a file, as programs see them.
    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let world = lock(&self.world);
        world.names.get(name).map(|file| world.files[*file].now.clone())
    }

    /// A disk that has only this file.
    pub(crate) fn with(files: &[(&str, &[u8])]) -> ModelDisk {
        let disk = ModelDisk::new(1);
        for (name, bytes) in files {
            let file = disk.create(name).expect("has room");
            file.write_at(bytes, 0).expect("has room");
            file.sync().expect("does not fail");
        }
        disk.sync_names().expect("does not fail");
        disk
    }
}

impl ModelDisk {
    /// The world, unless it is another one since.
    fn live(&self) -> io::Result<MutexGuard<'_, World>> {
        let world = lock(&self.world);
        match world.boots == self.boots {
            true => Ok(world),
            false => Err(io::Error::other("the power was cut")),
        }
    }

    fn in_world<T>(&self, each: impl FnOnce(&mut World) -> io::Result<T>) -> io::Result<T> {
        each(&mut *self.live()?)
    }
}

impl World {
    /// One more operation: whether the power goes with it.
    fn step(&mut self) -> io::Result<bool> {
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        if let Some(left) = &mut self.faults.off_after {
            if *left == 0 {
                self.off = true;
                return Ok(true);
            }
            *left -= 1;
        }
        Ok(false)
    }

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        let goes = self.step()?;
        change.make(&mut self.names);
        self.pending_names.push(change);
        done_unless(goes)
    }
}

impl NameChange {
    fn make(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            NameChange::Is(name, file) => drop(names.insert(name.clone(), *file)),
            NameChange::Renamed(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameChange::Gone(name) => drop(names.remove(name)),
        }
    }
}

impl File {
    /// Each sector that is pending gets to the disk, or does not.
    fn reach(&mut self, chance: &mut Chance, likely: u64) {
        for (at, bytes) in std::mem::take(&mut self.pending) {
            let mut done = 0;
            while done < bytes.len() {
                let from = at + done;
                let count = (SECTOR - from % SECTOR).min(bytes.len() - done);
                if chance.below(4) < likely {
                    put(&mut self.lasting, from, &bytes[done..done + count]);
                }
                done += count;
            }
        }
        if chance.below(2) == 0 && self.lasting.len() < self.now.len() {
            // The length is known before what is there.
            self.lasting.resize(self.now.len(), 0);
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    if bytes.len() < at + new.len() {
        bytes.resize(at + new.len(), 0);
    }
    bytes[at..at + new.len()].copy_from_slice(new);
}

fn done_unless(goes: bool) -> io::Result<()> {
    if goes { Err(io::Error::other("the power goes")) } else { Ok(()) }
}

impl Disk for ModelDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.live()?.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.live()?;
        let file = world.files.len();
        world.files.push(File::default());
        world.change_name(NameChange::Is(name.to_owned(), file))?;
        Ok(Box::new(ModelFile { disk: ModelDisk { world: self.world.clone(), ..*self }, file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut world = self.live()?;
        done_unless(world.step()?)?;
        let file = world.names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(ModelFile { disk: ModelDisk { world: self.world.clone(), ..*self }, file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.live()?;
        if !world.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change_name(NameChange::Renamed(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.live()?.change_name(NameChange::Gone(name.to_owned()))
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.live()?;
        done_unless(world.step()?)?;
        world.lasting_names = world.names.clone();
        world.pending_names.clear();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/model").join(name)
    }
}

struct ModelFile {
    disk: ModelDisk,
    file: usize,
}

impl DiskFile for ModelFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.disk.in_world(|world| {
            let goes = world.step()?;
            let held: usize = world.names.values().map(|file| world.files[*file].now.len()).sum();
            let file = &mut world.files[self.file];
            let more = (at as usize + bytes.len()).saturating_sub(file.now.len());
            if world.faults.capacity.is_some_and(|capacity| (held + more) as u64 > capacity && more > 0) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let fails = world.faults.write_fails > 0 && world.chance.below(world.faults.write_fails) == 0;
            let part = if fails { world.chance.below(bytes.len() as u64) as usize } else { bytes.len() };
            put(&mut file.now, at as usize, &bytes[..part]);
            file.pending.push((at as usize, bytes[..part].to_vec()));
            match fails {
                true => Err(io::Error::other("input/output error")),
                false => done_unless(goes),
            }
        })
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        self.disk.in_world(|world| {
            let bytes = world.files[self.file].now.get(at as usize..).unwrap_or_default();
            let count = bytes.len().min(into.len());
            into[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.in_world(|world| Ok(world.files[self.file].now.len() as u64))
    }

    fn sync(&self) -> io::Result<()> {
        let watch = self.disk.live()?.watch.clone();
        watch.into_iter().for_each(|watch| watch());
        self.disk.in_world(|world| {
            done_unless(world.step()?)?;
            let World { files, chance, faults, .. } = world;
            let file = &mut files[self.file];
            if faults.sync_fails > 0 && chance.below(faults.sync_fails) == 0 {
                // As Linux does: what did not get there is taken for written from now on, and never is.
                file.reach(chance, 2);
                return Err(io::Error::other("input/output error"));
            }
            for (at, bytes) in file.pending.drain(..) {
                put(&mut file.lasting, at, &bytes);
            }
            Ok(())
        })
    }
}
