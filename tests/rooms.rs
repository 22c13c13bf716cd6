//! What the files of core say about its rooms: which one uses which, where `unsafe` is, and how long
//! a file may become. Nothing is compiled; files are read.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// Where there may be `unsafe`, and why there.
const UNSAFE: &[(&str, &str)] = &[
    ("sync/", "what threads share"),
    ("set/slab/", "futures that are polled where they lie, and wakers that point to them"),
    ("set/fixed/", "the same without an allocator"),
    ("set/pinned.rs", "a pinned element of a slice"),
    ("child/", "a child in one allocation, found by scope, executor and handle"),
    ("channel/raw/", "a sender's place in line, and the consumer's place for one item"),
    ("observe/tree/node.rs", "a scope that is looked at from outside, as long as it lives"),
    ("scope/tree.rs", "what may be read of a scope from outside"),
    ("scope/block.rs", "children that borrow"),
    (
        "scope/owner.rs",
        "what a scope promises to its children: it is there until the last has left",
    ),
    ("model.rs", "for models only"),
];

const LINES: usize = 600;

/// Given the picture in DESIGN.md, then it has every room of core, and no other.
#[test]
fn the_picture_has_all_rooms() {
    let mut there: Vec<_> = files().iter().map(|file| file.room.clone()).collect();
    there.sort();
    there.dedup();
    there.retain(|room| room != ROOT && room != MODEL);
    let mut drawn = picture();
    drawn.sort();
    assert_eq!(drawn, there, "left: the picture in DESIGN.md; right: core/src");
}

/// Given a file of core, then its room uses no room above it in the picture.
#[test]
fn rooms_use_those_below_them() {
    let order = picture();
    let place = |room: &str| order.iter().position(|other| other == room);
    let names = names_of_the_root();
    let mut wrong = String::new();
    for file in files().iter().filter(|file| file.room != ROOT && file.room != MODEL) {
        let here = place(&file.room).expect("see the other test");
        for (line, name) in file.uses() {
            // A name that core's users write is that of the room where it lives.
            let room = names.get(&name).unwrap_or(&name);
            match place(room) {
                // The picture is drawn from above.
                Some(there) if there < here => writeln!(
                    wrong,
                    "core/src/{}:{line}: `{}` uses `{room}`, which is above it",
                    file.path, file.room,
                )
                .unwrap(),
                Some(_) => {}
                None if room == MODEL => {}
                None => {
                    writeln!(wrong, "core/src/{}:{line}: where is `{name}`?", file.path).unwrap()
                }
            }
        }
    }
    assert!(wrong.is_empty(), "move what both need to the lower room, or pass it down:\n{wrong}");
}

/// Given `lib.rs` or a `mod.rs`, then it has docs, attributes, modules and re-exports only.
#[test]
fn root_files_say_what_is_where() {
    let is_root = |file: &&File| file.path == "lib.rs" || file.path.ends_with("mod.rs");
    let mut full = Vec::new();
    for file in files().iter().filter(is_root) {
        let code = without_comments(&file.text);
        if let Some(item) = other_item(&code) {
            full.push((file.path.clone(), item));
        }
    }
    assert!(full.is_empty(), "move to files with a name: {full:?}");
}

/// Given a file of the repository, then it has no more than so many lines.
#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = support::files(&root(), "rs")
        .into_iter()
        .map(|path| (read(&path).lines().count(), path))
        .filter(|(lines, _)| *lines > LINES)
        .collect();
    assert!(long.is_empty(), "split what has more than {LINES} lines: {long:?}");
}

/// Given `unsafe` in core, then it is in one of few places, and each block and each implementation
/// says why it is sound.
#[test]
fn unsafe_is_in_few_places_and_says_why() {
    let mut wrong = String::new();
    for file in files() {
        let code = without_comments(&file.text);
        let lines: Vec<_> = file.text.lines().collect();
        for (at, line) in code.lines().enumerate() {
            let Some(what) = words_after(line, "unsafe").next() else { continue };
            if !UNSAFE.iter().any(|(place, _)| file.path.starts_with(place)) {
                writeln!(wrong, "core/src/{}:{}: `unsafe` does not belong here", file.path, at + 1)
                    .unwrap();
            }
            let needs_reason = what.starts_with('{') || what.starts_with("impl");
            // In front of the statement that the block is part of.
            let above =
                lines[..at].iter().rev().take_while(|line| !line.trim().is_empty()).take(12);
            if needs_reason
                && !above.into_iter().chain([&lines[at]]).any(|line| line.contains("SAFETY:"))
            {
                writeln!(wrong, "core/src/{}:{}: no `// SAFETY:`", file.path, at + 1).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let empty: Vec<_> = UNSAFE
        .iter()
        .map(|(place, _)| place)
        .filter(|place| {
            let is_there =
                |file: &File| file.path.starts_with(**place) && file.text.contains("unsafe");
            !files().iter().any(is_there)
        })
        .collect();
    assert!(empty.is_empty(), "strike off `UNSAFE`: {empty:?}");
}

const ROOT: &str = "lib";
/// What models are made of. Only under loom.
const MODEL: &str = "model";

struct File {
    /// From `core/src` on.
    path: String,
    room: String,
    text: String,
}

impl File {
    /// What the file names of other rooms, each with its line: `crate::name`, also inside of braces,
    /// and `super::name` where that leads out of the room. Models and tests may use anything.
    fn uses(&self) -> Vec<(usize, String)> {
        let name = self.path.rsplit('/').next().unwrap();
        if name == "tests.rs" || name.ends_with("models.rs") {
            return Vec::new();
        }
        let code = without_comments(&self.text);
        let code = code.split("\nmod tests {").next().unwrap();
        let mut found = Vec::new();
        for (at, _) in code.match_indices("crate::") {
            first_names(code, at + "crate::".len(), &mut found);
        }
        // How many `super` lead from the file to the root.
        let file_is_module = usize::from(name != "mod.rs");
        let depth = self.path.matches('/').count() + file_is_module;
        for (at, chain) in chains_of_super(code) {
            if chain >= depth {
                first_names(code, at, &mut found);
            }
        }
        found.retain(|(_, name)| *name != self.room);
        found.into_iter().map(|(at, name)| (code[..at].matches('\n').count() + 1, name)).collect()
    }
}

/// The names at `at`: one, or the first ones of all that is in braces.
fn first_names(code: &str, at: usize, found: &mut Vec<(usize, String)>) {
    let Some(inner) = code[at..].strip_prefix('{') else {
        let name: String =
            code[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !name.is_empty() {
            found.push((at, name));
        }
        return;
    };
    let (mut depth, mut fresh) = (0, true);
    for (offset, c) in inner.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                fresh = false;
                first_names(code, at + 1 + offset, found);
            }
            _ => {}
        }
    }
}

/// Where each `super::super::..` ends, and how many there are.
fn chains_of_super(code: &str) -> Vec<(usize, usize)> {
    let mut chains = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("super::") {
        let start = from + at;
        let mut end = start;
        while code[end..].starts_with("super::") {
            end += "super::".len();
        }
        chains.push((end, (end - start) / "super::".len()));
        from = end;
    }
    chains
}

/// The rooms, the highest first: the first words of the lines of the picture.
fn picture() -> Vec<String> {
    let design = read(&root().join("DESIGN.md"));
    let section =
        design.split("### Which room knows which?").nth(1).expect("a picture of the rooms");
    let picture = section.split("```").nth(1).unwrap();
    let lines = picture.lines().skip(1);
    lines
        .filter_map(|line| {
            line.split_whitespace().find(|word| word.starts_with(char::is_alphabetic))
        })
        .map(str::to_owned)
        .collect()
}

/// Which room a name lives in that the root re-exports.
fn names_of_the_root() -> BTreeMap<String, String> {
    let root = without_comments(&read(&source().join("lib.rs")));
    let mut names = BTreeMap::new();
    for export in root.split("pub use ").skip(1) {
        let (path, _) = export.split_once(';').unwrap();
        let (room, list) = path.split_once("::").unwrap();
        for name in list.split(['{', '}', ',', ' ', '\n', ':']).filter(|name| !name.is_empty()) {
            names.insert(name.to_owned(), room.to_owned());
        }
    }
    names
}

/// The first line that is neither an attribute, nor a module, nor an import or a re-export.
fn other_item(code: &str) -> Option<String> {
    let mut rest = code.trim_start();
    while !rest.is_empty() {
        let is_attribute = rest.starts_with('#');
        let words: Vec<_> = rest.split([' ', '\n', '(']).take(4).collect();
        let is_other = !is_attribute
            && !matches!(
                words[..],
                ["mod" | "use", ..]
                    | ["pub", "mod" | "use", ..]
                    | ["pub", "crate)" | "super)", "mod" | "use", ..]
            )
            && !rest.starts_with("extern crate");
        if is_other {
            return rest.lines().next().map(str::to_owned);
        }
        let end =
            if is_attribute { end_of_attribute(rest) } else { rest.find(';').map(|at| at + 1) };
        rest = rest[end.expect("an end")..].trim_start();
    }
    None
}

fn end_of_attribute(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => return None,
        }
        (depth == 0).then_some(at + 1)
    })
}

/// What follows `word` in `line`, each time.
fn words_after<'a>(line: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(word).filter_map(move |(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + word.len()..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        (!before.is_some_and(is_word) && !after.starts_with(is_word)).then(|| after.trim_start())
    })
}

/// The same lines without what is in comments.
fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or("").to_owned();
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

fn files() -> Vec<File> {
    let file = |path: PathBuf| {
        let inside = path.strip_prefix(source()).unwrap();
        let parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        let room = parts[0].trim_end_matches(".rs").to_owned();
        File { path: parts.join("/"), room, text: read(&path) }
    };
    let mut found: Vec<_> = support::files(&source(), "rs").into_iter().map(file).collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn source() -> PathBuf {
    root().join("core/src")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap().replace("\r\n", "\n")
}
