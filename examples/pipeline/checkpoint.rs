//! A file that knows what is done, whenever and however the program ends.
//!
//! Each line says all there is to know, so the last one that is whole counts:
//!
//! ```text
//! jobs faults | outcomes of each kind | first and last of each range of jobs that are done | checksum
//! ```
//!
//! Lines are appended, each with a checksum, and are on the disk when [`save`](Checkpoint::save) returns. When there are many,
//! a new file with the last of them takes the place of the old one. Only one run may use a file at a time.

use crate::{
    jobs::{Jobs, Outcome},
    sums::{Done, Sums},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// When the file is longer than this, all lines but the last one go.
const LONG: u64 = 1 << 20;

pub(crate) struct Checkpoint {
    path: PathBuf,
    file: File,
    length: u64,
    /// Whose outcomes these are: a file is of no use for other jobs.
    jobs: [u64; 2],
}

impl Checkpoint {
    /// Returns the file, and what it says is done: nothing if it is new.
    pub(crate) fn open(path: &Path, jobs: &Jobs) -> io::Result<(Self, Sums)> {
        let name =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        Self::open_unnamed(path, [jobs.count, jobs.faults as u64]).map_err(name)
    }

    fn open_unnamed(path: &Path, jobs: [u64; 2]) -> io::Result<(Self, Sums)> {
        let sums = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Sums::default(),
            bytes => read(&String::from_utf8_lossy(&bytes?), jobs)
                .map_err(|what| io::Error::other(format!("{what}; remove it, or name another")))?,
        };
        // So there is always a line that is whole, and no half one before those to come.
        let file = replace(path, &line(jobs, &sums))?;
        let length = file.metadata()?.len();
        Ok((Checkpoint { path: path.into(), file, length, jobs }, sums))
    }

    /// Returns when the disk has it. Blocks the thread.
    pub(crate) fn save(&mut self, sums: &Sums) -> io::Result<()> {
        let line = line(self.jobs, sums);
        if self.length > LONG {
            self.file = replace(&self.path, &line)?;
            self.length = 0;
        } else {
            self.file.write_all(line.as_bytes())?;
            self.file.sync_data()?;
        }
        self.length += line.len() as u64;
        Ok(())
    }
}

/// Makes a file of this line, which takes the place of the one at `path`, if there is one. Returns it, to append to.
fn replace(path: &Path, line: &str) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut file = File::create(&new)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The new name is on the disk when its folder is.
    #[cfg(unix)]
    File::open(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))?
        .sync_all()?;
    OpenOptions::new().append(true).open(path)
}

fn line(jobs: [u64; 2], sums: &Sums) -> String {
    let ranges = sums.done.ranges().iter().flat_map(|range| [range.start, range.end - 1]);
    let numbers = jobs.into_iter().chain(sums.counts).chain(ranges);
    let text = numbers.map(|number| format!("{number} ")).collect::<String>();
    format!("{text}{:x}\n", checksum(&text))
}

/// What the last whole line says.
fn read(text: &str, jobs: [u64; 2]) -> Result<Sums, &'static str> {
    let last = text.lines().rev().find_map(numbers);
    let numbers = last.ok_or("this is not a checkpoint")?;
    let (of, rest) = numbers.split_first_chunk().ok_or("a line is too short")?;
    if *of != jobs {
        return Err("this is the checkpoint of other jobs");
    }
    let (counts, rest) =
        rest.split_first_chunk::<{ Outcome::ALL.len() }>().ok_or("a line is too short")?;
    let ranges = rest.chunks(2).map(|ends| ends[0]..ends[ends.len() - 1] + 1).collect();
    let done = Done::from_ranges(ranges).ok_or("its ranges are in disorder")?;
    let sums = Sums { counts: *counts, done };
    if sums.add_up() { Ok(sums) } else { Err("its sums do not add up") }
}

/// None if a line is not whole.
fn numbers(line: &str) -> Option<Vec<u64>> {
    let (text, sum) = line.split_at(line.rfind(' ')? + 1);
    let is_whole = u64::from_str_radix(sum, 16).ok()? == checksum(text);
    is_whole.then(|| text.split_whitespace().map(|number| number.parse().ok()).collect())?
}

/// FNV-1a.
fn checksum(text: &str) -> u64 {
    let add = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Faults;

    const JOBS: Jobs = Jobs { count: 50, faults: Faults::Some, yields: 0, effects: None };
    const KEY: [u64; 2] = [50, 1];

    /// A folder that goes when the test does.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pipeline-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Folder(path)
        }

        fn file(&self) -> PathBuf {
            self.0.join("checkpoint")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// Wherever the file is cut off, it says what it said before the last line that is not whole.
    #[test]
    fn torn_anywhere() {
        let (mut sums, mut text, mut said) = (Sums::default(), String::new(), vec![]);
        for job in [3, 1, 0, 2, 40] {
            sums.add(job, Outcome::Done);
            text += &line(KEY, &sums);
            // A line is whole without its end, too.
            said.push((text.len() - 1, sums.clone()));
        }
        for cut in 0..=text.len() {
            let last = said.iter().rev().find(|(length, _)| *length <= cut);
            assert_eq!(read(&text[..cut], KEY).ok(), last.map(|(_, sums)| sums.clone()), "{cut}");
        }
    }

    /// A line with another digit is not whole.
    #[test]
    fn flipped_anywhere() {
        let mut sums = Sums::default();
        let first = line(KEY, &sums);
        sums.add(7, Outcome::Busy);
        let second = line(KEY, &sums);
        for at in 0..second.len() - 1 {
            let mut flipped = second.clone().into_bytes();
            flipped[at] ^= 1;
            let text = first.clone() + &String::from_utf8(flipped).unwrap();
            assert_eq!(read(&text, KEY), Ok(Sums::default()), "{at}");
        }
    }

    #[test]
    fn old_lines_go() {
        let folder = Folder::new("old_lines_go");
        let path = folder.file();
        let (mut checkpoint, mut sums) = Checkpoint::open(&path, &JOBS).unwrap();
        let mut longest = 0;
        for job in 0..JOBS.count {
            sums.add(job, JOBS.fate(job));
            checkpoint.length += LONG / 20;
            checkpoint.save(&sums).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(read(&text, KEY), Ok(sums.clone()));
            longest = longest.max(text.lines().count());
        }
        assert_eq!(longest, 20);
        let (_, read) = Checkpoint::open(&path, &JOBS).unwrap();
        assert_eq!(read, sums);
    }

    /// A file of somebody else is left as it is.
    #[test]
    fn not_a_checkpoint() {
        let folder = Folder::new("not_a_checkpoint");
        let path = folder.file();
        let other = Jobs { count: 51, ..JOBS };
        Checkpoint::open(&path, &other).map(drop).unwrap();
        let others = fs::read(&path).unwrap();
        for bytes in [vec![], b"my diary\n".to_vec(), b"1 2 3\n".to_vec(), others] {
            fs::write(&path, &bytes).unwrap();
            let error = Checkpoint::open(&path, &JOBS).map(drop).unwrap_err().to_string();
            assert!(error.contains("remove it, or name another"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
