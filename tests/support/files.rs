//! The files of this repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Those with this extension, in `folder` and below, but for what is built and what is hidden.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match path.is_dir() {
            true if name == "target" || name.starts_with('.') => {}
            true => found.extend(files(&path, extension)),
            false if path.extension().is_some_and(|ends| ends == extension) => found.push(path),
            false => {}
        }
    }
    found
}
