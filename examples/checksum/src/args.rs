//! What the user asks for.

use anyscope::Limit;
use lexopt::{Arg, Parser, ValueExt};
use std::{path::PathBuf, thread};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Hashes the files of a tree with SHA-256.

Usage: checksum [OPTIONS] <PATH>

  <PATH>             a directory, or a single file
  --executor <NAME>  where to run: \"smol\", \"tokio\" or \"threads\", if it was built with them;
                     unless told otherwise \"all\": one after the other, and the digests of the
                     tree are compared; the first may have to wait for the disk
  --limit <N>        how many files to hash at once; unless told otherwise, two for each processor
  --json             print one JSON object instead of the table, and no progress; a path that is
                     not UTF-8 is an array of its bytes there
  --list             print \"digest  path\" for each file, sorted, as sha256sum does; the table goes to
                     stderr
  --caches           hash what a CACHEDIR.TAG says is a cache, too: the target of cargo, for one

Symbolic links are counted, not followed, except that PATH itself may be one. Fifos, sockets and
devices are counted, never opened. Files that cannot be read are reported at the end.

The digest of the tree is SHA-256 over one record for each file, sorted by path: the length of the
path as 8 bytes, little-endian; the bytes of the path, relative to PATH; the digest of the file.
Directories and links have no part in it.

Exits with 0 if all went well, 1 if something could not be read or the digests differ, 2 on wrong
usage, 130 after Ctrl-C. A second Ctrl-C does not wait for reads that hang.
";

pub(crate) struct Args {
    pub(crate) path: PathBuf,
    /// One of the executors, or all.
    pub(crate) executor: Option<String>,
    pub(crate) limit: Limit,
    pub(crate) json: bool,
    pub(crate) list: bool,
    pub(crate) caches: bool,
}

impl Args {
    /// Nothing if help is all that is wanted.
    ///
    /// # Errors
    ///
    /// When the usage is wrong.
    pub(crate) fn parse(executors: &[&str]) -> Result<Option<Self>, lexopt::Error> {
        let (mut path, mut executor, mut limit) = (None, None, default_limit());
        let (mut json, mut list, mut caches) = (false, false, false);
        let mut parser = Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                Arg::Long("executor") => executor = one_of(executors, parser.value()?.string()?)?,
                Arg::Long("limit") => limit = parse_limit(&parser.value()?.string()?)?,
                Arg::Long("json") => json = true,
                Arg::Long("list") => list = true,
                Arg::Long("caches") => caches = true,
                Arg::Value(value) if path.is_none() => path = Some(value.into()),
                other => return Err(other.unexpected()),
            }
        }
        if json && list {
            return Err("--json cannot be used with --list".into());
        }
        let path = path.ok_or("a path is missing")?;
        Ok(Some(Args { path, executor, limit, json, list, caches }))
    }
}

fn default_limit() -> Limit {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    Limit::new(2 * processors)
}

fn one_of(executors: &[&str], name: String) -> Result<Option<String>, lexopt::Error> {
    if name == "all" {
        Ok(None)
    } else if executors.contains(&&*name) {
        Ok(Some(name))
    } else {
        let known = executors.join(", ");
        Err(format!("no executor {name:?} in this build; there are: {known}, all").into())
    }
}

fn parse_limit(argument: &str) -> Result<Limit, lexopt::Error> {
    let number: usize =
        argument.parse().map_err(|error| format!("--limit cannot be {argument:?}: {error}"))?;
    let limit = Limit::try_from(number);
    Ok(limit.map_err(|_| "with --limit 0 nothing could be hashed; give at least 1")?)
}
