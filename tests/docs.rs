//! What the pages of this repository say about it: links, paths, and which behaviours have tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Where pages that are shown elsewhere too link to.
const REPOSITORY: &str = "https://github.com/anyscope/anyscope/blob/main/";

/// Given any page, then its links to files of this repository lead to one, and to a heading if they
/// name one.
#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            let (link, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match link.strip_prefix(REPOSITORY) {
                Some(path) => root().join(path),
                None if link.contains("://") => continue,
                None if link.is_empty() => page.clone(),
                None => page.parent().unwrap().join(link),
            };
            let leads = target.exists()
                && (heading.is_empty() || headings(&read(&target)).contains(heading));
            if !leads {
                broken.push(format!("{}: {link}#{heading}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// Given the page that is shown on crates.io and as the documentation of the crate, then its links
/// do not depend on where it is.
#[test]
fn links_of_the_front_page_are_absolute() {
    let links = links(&read(&root().join("README.md")));
    let relative: Vec<_> = links.iter().filter(|link| !link.contains("://")).collect();
    assert!(relative.is_empty(), "write {REPOSITORY}.. in front of {relative:?}");
}

/// Given a path in a page, as code, then there is such a file.
#[test]
fn paths_are_those_of_files() {
    let mut missing = Vec::new();
    for page in pages() {
        for line in prose(&read(&page)) {
            for code in line.split('`').skip(1).step_by(2) {
                for word in code.split([' ', '(', ')', '"']) {
                    if is_path(word) && !is_there(word) {
                        missing.push(format!("{}: {word}", page.display()));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "files that are not there:\n{}", missing.join("\n"));
}

/// Given a behaviour in the list, then a test bears its id, unless the list says that there is none.
#[test]
fn behaviours_of_the_list_have_tests() {
    let list = read(&root().join("docs/conformance.md"));
    let (without, _) = list.split_once("Not there yet").unwrap().1.split_once("\n\n").unwrap();
    let without: BTreeSet<_> = ids(without).collect();
    let listed: BTreeSet<_> =
        list.split("**").skip(1).step_by(2).flat_map(|bold| ids(bold).take(1)).collect();
    assert!(listed.len() > 150, "only {} ids found", listed.len());

    let mut tested = BTreeSet::new();
    for folder in ["tests", "core", "exec-sim"] {
        for file in files(&root().join(folder), "rs") {
            tested.extend(ids_of_names(&read(&file)));
        }
    }
    let expected: BTreeSet<_> = listed.difference(&without).cloned().collect();
    let missing: Vec<_> = expected.difference(&tested).collect();
    assert!(missing.is_empty(), "no test bears {missing:?}");
    let there: Vec<_> = without.intersection(&tested).collect();
    assert!(there.is_empty(), "said not to be there in docs/conformance.md, but tested: {there:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> =
        ["docs", "benches"].map(|folder| files(&root().join(folder), "md")).concat();
    for name in ["README", "DESIGN", "CONTRIBUTING", "CHANGELOG"] {
        pages.push(root().join(name).with_extension("md"));
    }
    pages
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Those with this extension, in `folder` and below.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|ends| ends == extension) {
            found.push(path);
        }
    }
    found
}

/// The lines outside of blocks of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(page) {
        // What is in backquotes is no link.
        let line: String = line.split('`').step_by(2).collect();
        for after in line.split("](").skip(1) {
            links.push(after.split([')', ' ']).next().unwrap().into());
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) {
            links.push(target.trim().into());
        }
    }
    links
}

/// What a link to a heading has behind its `#`.
fn headings(page: &str) -> BTreeSet<String> {
    let headings = prose(page).filter_map(|line| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len() && heading.starts_with(' ')).then_some(heading.trim())
    });
    let slug = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(slug).collect()
}

fn is_path(word: &str) -> bool {
    const FOLDERS: [&str; 10] = [
        "benches/",
        "ci/",
        "core/",
        "docs/",
        "examples/",
        "exec-sim/",
        "exec-smol/",
        "exec-threads/",
        "exec-tokio/",
        "tests/",
    ];
    FOLDERS.iter().any(|folder| word.starts_with(folder))
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

/// Programs that are tests may be named without their extension.
fn is_there(path: &str) -> bool {
    root().join(path).exists() || root().join(format!("{path}.rs")).exists()
}

/// Ids in a text, and those from one to another (`B1–B18`).
fn ids(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '–');
    words.flat_map(|word| {
        let (first, last) = word.split_once('–').unwrap_or((word, word));
        let (Some((letter, from)), Some((_, to))) = (id(first), id(last)) else { return vec![] };
        (from..=to).map(|number| format!("{letter}{number}")).collect()
    })
}

fn id(word: &str) -> Option<(char, u32)> {
    let letter = word.chars().next().filter(char::is_ascii_uppercase)?;
    Some((letter, word[1..].parse().ok()?))
}

/// The ids that names in a program begin with: S1 and S2 of `s1_s2_given_then`.
fn ids_of_names(program: &str) -> impl Iterator<Item = String> {
    let names = program.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    names.filter(|name| name.contains('_')).flat_map(|name| {
        let parts = name.split('_').map(str::to_uppercase);
        parts.take_while(|part| id(part).is_some())
    })
}
