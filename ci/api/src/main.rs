//! Compares what the crates promise to their users with the listings in `docs/api`, and looks whether all of it has examples.
//!
//! `anyscope-api LISTINGS DOCS DEFAULT_DOCS [--bless]`: `LISTINGS` is `docs/api`, `DOCS` has rustdoc's JSON of each
//! crate with all features, `DEFAULT_DOCS` that of core with its default features.

mod examples;

use public_api::{Builder, PublicItem};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Whose types core may name, besides those of the standard library.
const BY_DEFAULT: [&str; 1] = ["futures_core"];
const WITH_ALL_FEATURES: [&str; 3] = ["backon", "futures_core", "serde_core"];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (listings, docs, by_default, bless) = match &arguments[..] {
        [listings, docs, by_default] => (listings, docs, by_default, false),
        [listings, docs, by_default, flag] if flag == "--bless" => {
            (listings, docs, by_default, true)
        }
        _ => return Err("usage: anyscope-api LISTINGS DOCS DEFAULT_DOCS [--bless]".into()),
    };
    let core = Api::read("anyscope_core", Path::new(by_default))?;
    let mut narrow = core.names_only(&BY_DEFAULT, "default features");
    let (mut same, mut shown) = (true, true);
    for file in files(Path::new(listings))? {
        let name = file.file_stem().ok_or("no name")?.to_string_lossy().replace('-', "_");
        let api = Api::read(&name, Path::new(docs))?;
        if name == "anyscope_core" {
            narrow &= api.names_only(&WITH_ALL_FEATURES, "all features");
        }
        shown &= examples::are_there(&name, &Path::new(docs).join(&name).with_extension("json"))?;
        let now = api.listing();
        let then = fs::read_to_string(&file)?;
        same &= report(&name, &then, &now);
        if bless && then != now {
            fs::write(file, now)?;
        }
    }
    if !same && !bless {
        eprintln!(
            "what is public has changed: if it is meant, `ci/api.sh --bless`, and CHANGELOG.md"
        );
    }
    if !shown {
        eprintln!("what is public needs an example, or a link to one: see ci/api/src/examples.rs");
    }
    Ok(if narrow && shown && (same || bless) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the listings, one for each crate that is published.
fn files(listings: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(listings)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

/// Prints what is gone (`-`, which breaks users) and what is new (`+`), and returns whether nothing is.
fn report(name: &str, then: &str, now: &str) -> bool {
    let (old, new): (HashSet<&str>, HashSet<&str>) =
        (then.lines().collect(), now.lines().collect());
    for line in then.lines().filter(|line| !new.contains(line)) {
        println!("{name}: - {line}");
    }
    for line in now.lines().filter(|line| !old.contains(line)) {
        println!("{name}: + {line}");
    }
    then == now
}

/// What is public in a crate.
struct Api<'a> {
    name: &'a str,
    lines: Vec<String>,
    /// Crates whose types are in `lines`, each with the first such line.
    others: BTreeMap<String, String>,
}

impl<'a> Api<'a> {
    fn read(name: &'a str, docs: &Path) -> Result<Self, Box<dyn Error>> {
        let json = docs.join(name).with_extension("json");
        let lines = lines(&json)?;
        let others = others(name, &json, &lines)?;
        Ok(Self { name, lines, others })
    }

    /// Prints which types of crates that are not `allowed` it names, and returns whether there are none.
    fn names_only(&self, allowed: &[&str], features: &str) -> bool {
        let mut only = true;
        for (other, line) in &self.others {
            if !allowed.contains(&other.as_str()) {
                eprintln!(
                    "{} with {features} promises types of `{other}`, and may only those of {}: {line}",
                    self.name,
                    allowed.join(", "),
                );
                only = false;
            }
        }
        only
    }

    fn listing(&self) -> String {
        let others: Vec<&str> = self.others.keys().map(String::as_str).collect();
        let mut text = format!(
            "# What is public in {}, with all features. Written by `ci/api.sh --bless`.\n# From other crates: {}\n",
            self.name.replace('_', "-"),
            if others.is_empty() { "none".into() } else { others.join(", ") },
        );
        let own = format!("{}::", self.name);
        for line in &self.lines {
            text.push_str(&line.replace(&own, ""));
            text.push('\n');
        }
        text
    }
}

/// Returns what is public in the crate that `json` describes, a line each.
fn lines(json: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let api = Builder::from_rustdoc_json(json)
        // What follows from the rest; `tests/auto_traits.rs` has those that matter.
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .map_err(|error| {
            format!(
                "{}: {error}: is public-api of ci/api/Cargo.toml that of this compiler?",
                json.display()
            )
        })?;
    let impls: HashMap<_, bool> = api
        .items()
        .map(|item| (item.id(), item.to_string()))
        .filter(|(_, line)| line.starts_with("impl"))
        .map(|(id, line)| (id, is_of_trait(&line)))
        .collect();
    // A trait says what is in it; that it is implemented says it all.
    let in_impl_of_trait = |item: &PublicItem| {
        item.parent_id().is_some_and(|parent| impls.get(&parent) == Some(&true))
    };

    // What is found under two names is listed under each, its impls once.
    let mut seen = HashSet::new();
    Ok(api
        .items()
        .filter(|item| !in_impl_of_trait(item))
        .map(ToString::to_string)
        .filter(|line| is_promised(line) && seen.insert(line.clone()))
        .collect())
}

/// `impl<T> Trait for Type`, and not `impl<T> Type`.
fn is_of_trait(line: &str) -> bool {
    let whole = line.split(" where ").next().unwrap_or(line);
    // `for<'a> Fn(&'a T)` has no space before it.
    whole.contains(" for ")
}

/// Not what macros and derives need for themselves.
fn is_promised(line: &str) -> bool {
    !["core::marker::StructuralPartialEq for", "pin_project_lite::__private"]
        .iter()
        .any(|own| line.contains(own))
}

/// Returns the crates whose types are in `lines`, but for the standard library, each with its first line.
fn others(
    name: &str,
    json: &Path,
    lines: &[String],
) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let docs: serde_json::Value =
        serde_json::from_reader(io::BufReader::new(fs::File::open(json)?))?;
    let crates = docs["external_crates"].as_object().ok_or("no external crates in the JSON")?;
    let known: HashSet<&str> = crates
        .values()
        .filter_map(|of| of["name"].as_str())
        .filter(|of| !["core", "alloc", "std", name].contains(of))
        .collect();
    let mut others = BTreeMap::new();
    for line in lines {
        let paths = line
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
        for (first, _) in paths.filter_map(|path| path.split_once("::")) {
            if known.contains(first) && !others.contains_key(first) {
                others.insert(first.to_owned(), line.clone());
            }
        }
    }
    Ok(others)
}
