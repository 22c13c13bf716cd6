//! What is public has an example, or says where there is one.
//!
//! | what | is shown if |
//! |---|---|
//! | a function or method | it has an example, or its section `# Examples` links to what is shown |
//! | a type, trait, alias or macro | it has an example, or its docs link to what is shown: "Future of [`scope`]" |
//! | what is in a trait | the trait is shown |
//! | one of several that a macro makes | another one of the same name is shown |

use serde_json::{Map, Value};
use std::{collections::HashSet, error::Error, fs::File, io::BufReader, path::Path};

/// Functions of which each is a test, called by the one or the macro that is shown. Their users call none of them.
const TESTS: [&str; 2] = ["anyscope_remote::contract::", "anyscope_conformance::"];

/// How many links lead from an item to the example, at most.
const LINKS: usize = 3;

/// Prints what of a crate has no example, and returns whether there is nothing.
pub fn are_there(name: &str, json: &Path) -> Result<bool, Box<dyn Error>> {
    let docs: Value = serde_json::from_reader(BufReader::new(File::open(json)?))?;
    let index = docs["index"].as_object().ok_or("no items in the JSON")?;
    let mut public = Public { index, seen: HashSet::new(), items: Vec::new() };
    public.enter(&docs["root"], "", false);
    let items = public.items;
    let made: HashSet<_> = items
        .iter()
        .filter(|item| item.is_shown)
        .map(|item| (item.place.as_str(), item.name))
        .collect();
    let missing: Vec<_> = items
        .iter()
        .filter(|item| !item.is_shown && !made.contains(&(item.place.as_str(), item.name)))
        .filter(|item| !TESTS.iter().any(|tests| item.path.starts_with(tests)))
        .collect();
    for item in &missing {
        eprintln!("{name}: no example of {}: {}", item.path, item.place);
    }
    Ok(missing.is_empty())
}

/// What is public in a crate.
struct Public<'a> {
    index: &'a Map<String, Value>,
    /// By id: what is found under two names is looked at once.
    seen: HashSet<String>,
    items: Vec<Item<'a>>,
}

struct Item<'a> {
    name: &'a str,
    path: String,
    /// The file and the line. Those of a macro, if one has made it.
    place: String,
    is_shown: bool,
}

impl<'a> Public<'a> {
    /// Goes through what `id` is, and what is in it. `is_shown`: as part of something that is.
    fn enter(&mut self, id: &Value, around: &str, is_shown: bool) {
        let Some(item) = self.index.get(&id.to_string()) else { return };
        let is_public = matches!(item["visibility"].as_str(), Some("public" | "default"));
        if !is_public || is_hidden(item) || !self.seen.insert(id.to_string()) {
            return;
        }
        let Some((kind, inner)) = kind_of(item) else { return };
        let name = item["name"].as_str().unwrap_or_default();
        let path = if around.is_empty() { name.to_owned() } else { format!("{around}::{name}") };
        let ids = |key: &str| inner[key].as_array().cloned().unwrap_or_default();
        match kind {
            "module" => ids("items").iter().for_each(|id| self.enter(id, &path, false)),
            "use" => match self.index.get(&inner["id"].to_string()).and_then(kind_of) {
                Some(("module", module)) if inner["is_glob"] == true => {
                    let items = module["items"].as_array().into_iter().flatten();
                    items.for_each(|id| self.enter(id, around, false));
                }
                _ => self.enter(&inner["id"], around, false),
            },
            "struct" | "enum" | "union" => {
                self.add(item, path.clone(), false);
                for id in ids("impls") {
                    let block = &self.index[&id.to_string()]["inner"]["impl"];
                    // What a trait has is shown there.
                    if block["trait"].is_null() {
                        let items = block["items"].as_array().into_iter().flatten();
                        items.for_each(|id| self.enter(id, &path, false));
                    }
                }
            }
            "trait" => {
                self.add(item, path.clone(), false);
                let is_shown = self.is_shown(item, LINKS);
                ids("items").iter().for_each(|id| self.enter(id, &path, is_shown));
            }
            "function" | "macro" | "type_alias" => self.add(item, path, is_shown),
            _ => {}
        }
    }

    fn add(&mut self, item: &'a Value, path: String, is_shown: bool) {
        let span = &item["span"];
        let place = format!("{}:{}", span["filename"].as_str().unwrap_or("?"), span["begin"][0]);
        let name = item["name"].as_str().unwrap_or_default();
        let is_shown = is_shown || self.is_shown(item, LINKS);
        self.items.push(Item { name, path, place, is_shown });
    }

    /// Whether it has an example, or links to one.
    fn is_shown(&self, item: &Value, links: usize) -> bool {
        let docs = item["docs"].as_str().unwrap_or_default();
        if docs.contains("```") {
            return true;
        }
        let is_function = kind_of(item).is_some_and(|(kind, _)| kind == "function");
        let says = if is_function {
            docs.split_once("# Examples").map_or("", |(_, says)| says)
        } else {
            docs
        };
        let targets = item["links"].as_object().into_iter().flatten();
        links > 0
            && targets.filter(|(text, _)| says.contains(text.as_str())).any(|(_, id)| {
                match self.index.get(&id.to_string()) {
                    Some(target) => self.is_shown(target, links - 1),
                    // In another crate, where it is looked at as well.
                    None => true,
                }
            })
    }
}

/// Returns what kind of item it is, and what it has besides its docs.
fn kind_of(item: &Value) -> Option<(&str, &Value)> {
    let (kind, inner) = item["inner"].as_object()?.iter().next()?;
    Some((kind, inner))
}

fn is_hidden(item: &Value) -> bool {
    item["attrs"].to_string().contains("hidden")
}
