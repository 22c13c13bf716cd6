//! Pictures: those that there are, and some to begin with.

use image::{ImageError, Rgb, RgbImage};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Returns the pictures of a folder, in the order of their names.
pub(crate) fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = fs::canonicalize(entry?.path())?;
        let kind =
            path.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_lowercase();
        if matches!(&*kind, "png" | "jpg" | "jpeg") {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}

/// Makes pictures of circles, each of other ones.
pub(crate) fn make(folder: &Path, number: u32) -> Result<(), ImageError> {
    fs::create_dir_all(folder)?;
    for n in 0..number {
        let (width, height) = (640, 480);
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let away = x.abs_diff(width / 2 + n % 50).pow(2) + y.abs_diff(height / 2).pow(2);
            Rgb([(away / (400 + n)) as u8, (away / 900) as u8, (n * 4) as u8])
        });
        picture.save(folder.join(format!("picture-{n:04}.png")))?;
    }
    Ok(())
}
