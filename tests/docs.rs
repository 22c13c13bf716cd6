//! What the pages of this repository say about it: links, paths, and which behaviours have tests. And what a script says of its versions.

mod semver;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use support::files;

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

/// Pages that belong to a chapter: how their names begin, and the chapter, which links to them.
const PARTS: [(&str, &str); 3] = [
    ("adapter-", "writing-an-adapter.md"),
    ("from-", "coming-from.md"),
    ("limits-of-", "limits-that-adapt.md"),
];

/// Given a chapter of the book, then all lists of chapters have it; given a part of one, then that chapter has it.
#[test]
fn chapters_are_listed() {
    let (front, book) =
        (read(&root().join("README.md")), read(&root().join("docs/book/README.md")));
    let module = read(&root().join("src/book/mod.rs"));
    let mut missing = Vec::new();
    for (name, _) in chapters() {
        let mut lists = vec![("src/book/mod.rs", module.contains(&format!(": \"{name}\",")))];
        let entry = format!("]: {name}\n");
        match PARTS.iter().find(|(begins, _)| name.starts_with(begins)) {
            Some(&(_, chapter)) => {
                let page = read(&root().join("docs/book").join(chapter));
                lists.push((chapter, page.contains(&entry)));
            }
            None => {
                let absolute = format!("]: {REPOSITORY}docs/book/{name}\n");
                lists.push(("README.md", front.contains(&absolute)));
                lists.push(("docs/book/README.md", book.contains(&entry)));
            }
        }
        missing.extend(lists.iter().filter(|list| !list.1).map(|list| (name.clone(), list.0)));
    }
    assert!(missing.is_empty(), "not listed: {missing:?}");
}

/// Given a chapter of the book, then its last code is a whole program, and nothing of its code is
/// hidden in rustdoc.
#[test]
fn chapters_end_in_a_program() {
    for (name, page) in chapters() {
        let programs: Vec<_> = page.split("\n```rust").skip(1).collect();
        let code = |after: &str| after.split("\n```").next().unwrap().to_owned();
        let last = programs.last().map(|last| code(last)).unwrap_or_default();
        assert!(last.contains("\nfn main()") || last.contains("\nasync fn main()"), "{name}");
        let hidden: Vec<_> = programs
            .iter()
            .flat_map(|program| code(program).lines().map(str::to_owned).collect::<Vec<_>>())
            .filter(|line| line.trim_start().starts_with("# ") || line.trim() == "#")
            .collect();
        assert!(hidden.is_empty(), "{name}: {hidden:?}");
    }
}

/// Given a link of the book, or of the front page to it, then it leads somewhere in rustdoc as well:
/// it is absolute, or `src/book/links.md` says where.
#[test]
fn links_of_the_book_work_in_rustdoc() {
    let links_of_rustdoc = read(&root().join("src/book/links.md"));
    let known: BTreeSet<_> = definitions(&links_of_rustdoc).map(|(label, _)| label).collect();
    let mut broken = Vec::new();
    let book = files(&root().join("docs/book"), "md");
    for page in book.into_iter().chain([root().join("README.md")]) {
        let text = read(&page);
        let is_relative = |link: &String| !link.contains("://") && !link.starts_with('#');
        let relative = inline_links(&text).into_iter().filter(is_relative);
        let unknown = definitions(&text)
            .filter(|(label, _)| !known.contains(label))
            .map(|(label, _)| label.to_owned());
        broken.extend(relative.chain(unknown).map(|link| format!("{}: {link}", page.display())));
    }
    assert!(
        broken.is_empty(),
        "not absolute, and not in src/book/links.md:\n{}",
        broken.join("\n")
    );
}

/// Given a crate that is published and has features, then docs.rs builds its documentation with all of
/// them, and says which items need one.
#[test]
fn docs_rs_shows_what_needs_a_feature() {
    let manifest = read(&root().join("Cargo.toml"));
    let members = manifest.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    let members = members.split('"').skip(1).step_by(2);
    let mut wrong = Vec::new();
    for member in members.chain([""]) {
        let manifest = read(&root().join(member).join("Cargo.toml"));
        let has_features = manifest.contains("\n[features]");
        if !has_features || manifest.contains("publish = false") {
            continue;
        }
        let is_asked = manifest.contains(
            "[package.metadata.docs.rs]\nall-features = true\nrustdoc-args = [\"--cfg\", \"docsrs\"]\n",
        );
        let root_of_crate = read(&root().join(member).join("src/lib.rs"));
        if !is_asked || !root_of_crate.contains("#![cfg_attr(docsrs, feature(doc_cfg))]\n") {
            wrong.push(format!("{member}/Cargo.toml"));
        }
    }
    assert!(wrong.is_empty(), "no `[package.metadata.docs.rs]` or no `doc_cfg`: {wrong:?}");
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

/// Given a behaviour in the list, then a test bears its id; and given an id that a test bears, then it is in the list, or is a row of the guides.
#[test]
fn behaviours_of_the_list_have_tests_and_those_of_tests_are_listed() {
    let list = read(&root().join("docs/conformance.md"));
    let listed: BTreeSet<_> =
        list.split("**").skip(1).step_by(2).flat_map(|bold| ids(bold).take(1)).collect();
    assert!(listed.len() > 150, "only {} ids found", listed.len());

    let mut tested = BTreeSet::new();
    for folder in ["tests", "core", "exec-sim", "remote", "remote-sqlite", "remote-nats"] {
        for file in files(&root().join(folder), "rs") {
            tested.extend(ids_of_names(&read(&file)));
        }
    }
    let missing: Vec<_> = listed.difference(&tested).collect();
    assert!(missing.is_empty(), "no test bears {missing:?}");

    let rows = ROWS.iter().flat_map(|(guide, rows)| (1..=*rows).map(move |row| (*guide, row)));
    let rows: BTreeSet<_> = rows.collect();
    // Also those that are named as a part of a range or of a line.
    let named: BTreeSet<_> = ids(&list).collect();
    let unknown: Vec<_> = tested
        .difference(&named)
        .filter(|tested| !id(tested).is_some_and(|row| rows.contains(&row)))
        .collect();
    assert!(unknown.is_empty(), "tests bear ids that no list has: {unknown:?}");
}

/// What the guides that anyscope came from have: a letter for each, and how many rows.
const ROWS: [(char, u32); 5] = [('H', 90), ('E', 91), ('C', 110), ('A', 26), ('P', 23)];

/// Given the page of the guides that anyscope came from, then each of their rows is there once.
#[test]
fn rows_of_the_guides_are_there_once() {
    let mut missing: BTreeSet<_> =
        ROWS.iter().flat_map(|(guide, rows)| (1..=*rows).map(move |row| (*guide, row))).collect();
    let mut wrong = Vec::new();
    for (ids, ..) in rows_of_the_guides() {
        for id in ids.split(", ") {
            let row = id.split_once('-').and_then(|(guide, row)| {
                Some((guide.parse::<char>().ok()?, row.parse::<u32>().ok()?))
            });
            if !row.is_some_and(|row| missing.remove(&row)) {
                wrong.push(id.to_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "twice, or not in `ROWS`: {wrong:?}");
    assert!(missing.is_empty(), "rows that the page does not have: {missing:?}");
}

/// Given the examples that the page names, then there are such programs; and those that were written
/// for it are named.
#[test]
fn examples_of_the_guides_are_named() {
    let page = read(&root().join("docs/from-the-seeds.md"));
    let programs = read(&root().join("examples/Cargo.toml"));
    let mut named = BTreeSet::new();
    for (ids, _, example) in rows_of_the_guides() {
        for name in example.split(['[', ']']).skip(1).step_by(2) {
            if name != "resilience" {
                assert!(
                    page.contains(&format!("\n[{name}]: ../examples/seeds/{name}.rs\n")),
                    "{ids}: no link for [{name}]"
                );
                assert!(
                    programs.contains(&format!("path = \"seeds/{name}.rs\"")),
                    "{ids}: no program {name}"
                );
                named.insert(name.to_owned());
            }
        }
    }
    let there = files(&root().join("examples/seeds"), "rs");
    let there: BTreeSet<_> =
        there.iter().map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(named, there, "left: named in the page; right: in examples/seeds");
}

/// Given a program that cargo is told not to look for tests in, then it has none.
#[test]
fn no_test_is_left_out() {
    let programs = read(&root().join("examples/Cargo.toml"));
    let path =
        |target: &str| target.split("path = \"").nth(1)?.split('"').next().map(str::to_owned);
    let tests: BTreeSet<_> = programs.split("[[test]]").skip(1).filter_map(path).collect();
    let mut left_out = 0;
    for program in programs.split("[[").filter(|target| target.contains("\ntest = false")) {
        let main = path(program).unwrap();
        let folder = main.strip_suffix("main.rs").unwrap_or(&main).to_owned();
        for file in files(&root().join("examples"), "rs") {
            let file = file.strip_prefix(root().join("examples")).unwrap();
            let name = file.to_str().unwrap();
            if name.starts_with(&folder) && !tests.contains(name) {
                let text = read(&root().join("examples").join(file));
                assert!(!text.lines().any(|line| line.trim() == "#[test]"), "{name} has tests");
                left_out += 1;
            }
        }
    }
    assert!(left_out > 0);
}

/// Ids, what it is here, and where it is shown.
fn rows_of_the_guides() -> Vec<(String, String, String)> {
    let page = read(&root().join("docs/from-the-seeds.md"));
    let rows = prose(&page).filter_map(|line| {
        // A bar in code is no end of a cell.
        let line = line.replace("\\|", "");
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let is_row = cells
            .get(1)?
            .split_once('-')
            .is_some_and(|(guide, _)| ROWS.iter().any(|(letter, _)| guide == letter.to_string()));
        is_row.then(|| {
            assert_eq!(cells.len(), 6, "four cells in a row: {line}");
            assert!(!cells[3].is_empty(), "what is it here? {line}");
            (cells[1].to_owned(), cells[3].to_owned(), cells[4].to_owned())
        })
    });
    rows.collect()
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

/// The name and the text of each.
fn chapters() -> Vec<(String, String)> {
    let pages = files(&root().join("docs/book"), "md");
    let name = |page: &Path| page.file_name().unwrap().to_str().unwrap().to_owned();
    let chapters: Vec<_> = pages
        .iter()
        .filter(|page| !page.ends_with("README.md"))
        .map(|page| (name(page), read(page)))
        .collect();
    assert!(chapters.len() > 10, "only {} chapters found", chapters.len());
    chapters
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
    let defined = definitions(page).map(|(_, target)| target.to_owned());
    inline_links(page).into_iter().chain(defined).collect()
}

/// Those of the form `[text](target)`.
fn inline_links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(page) {
        // What is in backquotes is no link.
        let line: String = line.split('`').step_by(2).collect();
        for after in line.split("](").skip(1) {
            links.push(after.split([')', ' ']).next().unwrap().into());
        }
    }
    links
}

/// Lines such as `[label]: target`.
fn definitions(page: &str) -> impl Iterator<Item = (&str, &str)> {
    prose(page).filter_map(|line| {
        let (label, target) = line.strip_prefix('[')?.split_once("]: ")?;
        Some((label, target.trim()))
    })
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
