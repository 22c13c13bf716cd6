//! Figures of benchmarks whose contenders take turns.

/// What was measured, by row, in the order in which rows were begun.
#[derive(Debug, Default)]
pub struct Figures(Vec<(String, Vec<f64>)>);

impl Figures {
    /// Adds a value to a row.
    pub fn add(&mut self, row: impl Into<String>, value: f64) {
        let row = row.into();
        match self.0.iter_mut().find(|(known, _)| *known == row) {
            Some((_, values)) => values.push(value),
            None => self.0.push((row, vec![value])),
        }
    }

    /// Prints each row: its median, how many values it has, the least and the largest, and the 99th percentile.
    pub fn print(self) {
        for (name, mut values) in self.0 {
            values.sort_by(f64::total_cmp);
            let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
            let (middle, least, most, late) = (at(0.5), at(0.), at(1.), at(0.99));
            let number = values.len();
            println!("{name}: {middle:.0} (of {number}: {least:.0} to {most:.0}, p99 {late:.0})");
        }
    }
}
