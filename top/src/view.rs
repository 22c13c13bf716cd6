//! What the user looks at.

use crate::{
    tree::{Row, Tree},
    watch::Update,
};

/// In which order rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Tree,
    Age,
    Polls,
    Busy,
}

/// What keys mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    #[default]
    Rows,
    /// They are added to the filter.
    Filter,
    Help,
}

/// The tree that was seen last, and how it is looked at.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) place: String,
    pub(crate) tree: Tree,
    /// Why there is nothing new.
    pub(crate) lost: Option<String>,
    pub(crate) has_seen: bool,
    pub(crate) is_paused: bool,
    pub(crate) is_detailed: bool,
    pub(crate) mode: Mode,
    pub(crate) sort: Sort,
    pub(crate) filter: String,
    /// Only what is in this row is shown, while it is there.
    focus: Option<String>,
    /// By its key, as rows move; and where it was, as it may end.
    selected: Option<String>,
    at: usize,
    /// The rows that are shown, in their order, and the first that there was room for.
    shown: Vec<usize>,
    first: usize,
}

impl Sort {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Sort::Tree => "as a tree",
            Sort::Age => "by age",
            Sort::Polls => "by polls",
            Sort::Busy => "by busy time",
        }
    }

    fn next(self) -> Self {
        match self {
            Sort::Tree => Sort::Age,
            Sort::Age => Sort::Polls,
            Sort::Polls => Sort::Busy,
            Sort::Busy => Sort::Tree,
        }
    }

    /// Returns what the greatest come first of.
    fn value(self, row: &Row) -> f64 {
        let value = match self {
            Sort::Tree => None,
            Sort::Age => row.seconds("age"),
            Sort::Polls => row.seconds("polls"),
            Sort::Busy => row.seconds("busy"),
        };
        value.unwrap_or(-1.0)
    }
}

impl View {
    pub(crate) fn new(place: String) -> Self {
        View {
            place,
            tree: Tree::default(),
            lost: None,
            has_seen: false,
            is_paused: false,
            is_detailed: true,
            mode: Mode::default(),
            sort: Sort::default(),
            filter: String::new(),
            focus: None,
            selected: None,
            at: 0,
            shown: Vec::new(),
            first: 0,
        }
    }

    pub(crate) fn update(&mut self, update: Update) {
        match update {
            Update::Lost(why) => self.lost = Some(why),
            Update::Seen(tree) => {
                self.lost = None;
                if !self.is_paused {
                    // Keys begin anew in another process.
                    if tree.pid != self.tree.pid {
                        (self.focus, self.selected) = (None, None);
                    }
                    (self.tree, self.has_seen) = (tree, true);
                    self.arrange();
                }
            }
        }
    }

    /// Returns the rows that are shown.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.shown.iter().map(|at| &self.tree.rows[*at])
    }

    /// Returns which of those that are shown is selected.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Returns the first row that is seen, if there is room for so many: the selected one is among them.
    pub(crate) fn scroll(&mut self, room: usize) -> usize {
        let last = self.shown.len().saturating_sub(room);
        self.first = self.first.min(last).clamp((self.at + 1).saturating_sub(room), self.at);
        self.first
    }

    pub(crate) fn selected(&self) -> Option<&Row> {
        self.shown.get(self.at).map(|at| &self.tree.rows[*at])
    }

    /// Returns the row that is gone into, and all that it is in, the outermost first.
    pub(crate) fn path(&self) -> Vec<&Row> {
        let mut path = Vec::new();
        let mut next = self.focused();
        while let Some(at) = next {
            path.push(&self.tree.rows[at]);
            next = self.tree.rows[at].parent;
        }
        path.reverse();
        path
    }

    /// Returns how far in the rows are that are furthest out.
    pub(crate) fn base(&self) -> usize {
        self.focused().map_or(0, |at| self.tree.rows[at].depth)
    }

    pub(crate) fn parent(&self, row: &Row) -> Option<&Row> {
        row.parent.map(|at| &self.tree.rows[at])
    }

    /// Returns those that wait for a row.
    pub(crate) fn waiters<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = &'a Row> {
        let waits = |other: &&Row| other.waits().any(|wait| wait.key.as_deref() == Some(&row.key));
        self.tree.rows.iter().filter(waits)
    }

    pub(crate) fn move_by(&mut self, by: isize) {
        self.select(self.at.saturating_add_signed(by));
    }

    pub(crate) fn select(&mut self, at: usize) {
        self.at = at.min(self.shown.len().saturating_sub(1));
        self.selected = self.selected().map(|row| row.key.clone());
    }

    /// Shows only what is in the selected row.
    pub(crate) fn go_in(&mut self) {
        self.focus = self.selected().map(|row| row.key.clone()).or(self.focus.take());
        self.arrange();
    }

    /// Shows what is around that again.
    pub(crate) fn go_out(&mut self) {
        let Some(at) = self.focused() else { return };
        self.selected = Some(self.tree.rows[at].key.clone());
        self.focus = self.tree.rows[at].parent.map(|parent| self.tree.rows[parent].key.clone());
        self.arrange();
    }

    /// Selects what the selected row waits for.
    pub(crate) fn go_to_what_it_waits_for(&mut self) {
        let there = |key: &String| self.tree.rows.iter().any(|row| row.key == *key);
        let mut waits =
            self.selected().into_iter().flat_map(Row::waits).filter_map(|wait| wait.key);
        if let Some(key) = waits.find(there) {
            drop(waits);
            self.go_to(key);
        }
    }

    /// Selects one of those who wait for each other; the next one, if one is.
    pub(crate) fn go_to_circle(&mut self) {
        let circle = &self.tree.circle;
        let now = circle.iter().position(|stuck| Some(&stuck.key) == self.selected.as_ref());
        let next = now.map_or(0, |at| (at + 1) % circle.len());
        if let Some(stuck) = circle.get(next) {
            self.go_to(stuck.key.clone());
        }
    }

    pub(crate) fn change_sort(&mut self) {
        self.sort = self.sort.next();
        self.arrange();
    }

    pub(crate) fn change_filter(&mut self, change: impl FnOnce(&mut String)) {
        change(&mut self.filter);
        self.arrange();
    }

    /// Selects a row wherever it is.
    fn go_to(&mut self, key: String) {
        (self.focus, self.selected) = (None, Some(key));
        self.filter.clear();
        self.arrange();
    }

    fn focused(&self) -> Option<usize> {
        let focus = self.focus.as_ref()?;
        self.tree.rows.iter().position(|row| row.key == *focus)
    }

    /// Finds out which rows are shown, and where the selected one is.
    fn arrange(&mut self) {
        let inside = self.inside();
        let words: Vec<_> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let is_found = |row: &Row| {
            let text = if words.is_empty() { String::new() } else { searched(row) };
            words.iter().all(|word| text.contains(word))
        };
        let rows = &self.tree.rows;
        let mut kept: Vec<bool> =
            (0..rows.len()).map(|at| inside.contains(&at) && is_found(&rows[at])).collect();
        if self.sort == Sort::Tree {
            // What is found makes sense below what it is in.
            for at in inside.clone().rev() {
                if let Some(parent) = rows[at].parent.filter(|parent| inside.contains(parent)) {
                    kept[parent] |= kept[at];
                }
            }
        }
        let mut shown: Vec<usize> = inside.filter(|at| kept[*at]).collect();
        if self.sort != Sort::Tree {
            let value = |at: &usize| self.sort.value(&rows[*at]);
            shown.sort_by(|a, b| value(b).total_cmp(&value(a)));
        }
        let again = shown.iter().position(|at| Some(&rows[*at].key) == self.selected.as_ref());
        self.shown = shown;
        self.select(again.unwrap_or(self.at));
    }

    /// Returns the rows that are gone into: one and all behind it that are deeper.
    fn inside(&self) -> std::ops::Range<usize> {
        let rows = &self.tree.rows;
        let Some(first) = self.focused() else { return 0..rows.len() };
        let deeper = rows[first + 1..].iter().take_while(|row| row.depth > rows[first].depth);
        first..first + 1 + deeper.count()
    }
}

/// Returns what is searched for the words of a filter.
fn searched(row: &Row) -> String {
    let members = ["kind", "name", "id", "spawned_at", "state"];
    let mut text: Vec<String> =
        members.iter().filter_map(|name| row.string(name)).map(str::to_owned).collect();
    text.push(row.waits_for());
    text.append(&mut row.notes());
    text.join(" ").to_lowercase()
}
