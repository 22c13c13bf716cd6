//! The command line.

use std::{
    env,
    path::{Path, PathBuf},
};

const HELP: &str = "\
Compares the backends with each other, and with what people use on them today.

cargo bench [-- [options] [words]]

words         run only the scenarios whose names contain one of them
--full        more rounds, and a million sleeping tasks
--list        print the names of the scenarios
--no-criterion  leave out criterion's report
--out FOLDER  where the charts go, from the root of the workspace; `backends` in the target
              folder otherwise";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Wanted {
    Run(Args),
    /// To be printed, and nothing else.
    Text(String),
}

#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) full: bool,
    pub(crate) criterion: bool,
    pub(crate) out: PathBuf,
    /// Which scenarios; all if there are none.
    pub(crate) words: Vec<String>,
}

impl Args {
    /// Returns what these arguments ask for. An error says what is possible.
    pub(crate) fn parse(
        args: impl IntoIterator<Item = String>,
        names: &[&str],
    ) -> Result<Wanted, String> {
        let mut parsed = Args { full: false, criterion: true, out: target(), words: Vec::new() };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match &*arg {
                "--help" | "-h" => return Ok(Wanted::Text(HELP.into())),
                "--list" => return Ok(Wanted::Text(names.join("\n"))),
                "--full" => parsed.full = true,
                "--no-criterion" => parsed.criterion = false,
                "--out" => {
                    let folder = args.next().ok_or("`--out` needs a folder")?;
                    // From where cargo was called, and not from where it runs this.
                    parsed.out = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
                }
                // From cargo.
                "--bench" | "--test" => {}
                word if !word.starts_with('-') => {
                    if !names.iter().any(|name| name.contains(word)) {
                        let names = names.join(", ");
                        return Err(format!("no scenario is called `{word}`; there are: {names}"));
                    }
                    parsed.words.push(arg);
                }
                unknown => return Err(format!("unknown option `{unknown}`\n\n{HELP}")),
            }
        }
        Ok(Wanted::Run(parsed))
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(&**word))
    }
}

/// Returns the folder `backends` in the target folder, from where this program is: `target/release/deps`.
fn target() -> PathBuf {
    let exe = env::current_exe().unwrap_or_default();
    exe.ancestors().nth(3).map_or_else(|| "target".into(), PathBuf::from).join("backends")
}
