//! Charts as SVG: backends side by side, peers side by side, cost against size.

use crate::{
    backend::Backend,
    measure::{Growth, Measured},
    report::amount,
    work::Unit,
};
use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, SeriesLabelPosition},
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, PathElement, Rectangle, Text},
    series::LineSeries,
    style::{BLACK, Color, IntoFont, RGBColor, WHITE},
};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

const WIDTH: u32 = 960;
/// Where the names end.
const NAMES: i32 = 310;
const BAR: i32 = 13;
const GREY: RGBColor = RGBColor(170, 170, 170);
const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 98, 180), RGBColor(230, 126, 34), RGBColor(192, 57, 43), RGBColor(39, 150, 90)];

type Drawn = Result<(), Box<dyn Error>>;

/// Draws all charts into that folder, which is made if it is not there. Returns their paths.
pub(crate) fn draw_all(
    folder: &Path,
    measured: &[Vec<Measured>],
    growth: &[Growth],
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let rows: Vec<&Measured> = measured.iter().flatten().collect();
    let mut paths = Vec::new();
    let mut add = |name: &str, draw: &dyn Fn(&Path) -> Drawn| -> Drawn {
        let path = folder.join(name);
        draw(&path)?;
        paths.push(path);
        Ok(())
    };
    add("backends.svg", &|path| backends(path, &rows))?;
    add("peers.svg", &|path| peers(path, &rows))?;
    if !growth.is_empty() {
        add("growth.svg", &|path| against_size(path, growth))?;
    }
    Ok(paths)
}

/// Each thing with a bar for each backend; the longest bar of each thing has the same length.
fn backends(path: &Path, rows: &[&Measured]) -> Drawn {
    let title = "What it costs with anyscope, by backend (shorter is better)";
    bars(path, rows, title, |row| {
        let most = row.cells.iter().map(|cell| cell.own).fold(0.0, f64::max);
        let bar = |cell: &crate::measure::Cell| Bar {
            length: cell.own / most,
            text: amount(cell.own, row.line.unit),
        };
        row.cells.iter().map(bar).collect()
    })
}

/// Each thing with a bar for each backend: its ratio to what is used there today.
fn peers(path: &Path, rows: &[&Measured]) -> Drawn {
    let title = "anyscope beside today's way on the same backend, which is the grey line (shorter is better)";
    bars(path, rows, title, |row| {
        let bar = |cell: &crate::measure::Cell| Bar {
            length: cell.ratio / 2.0,
            text: format!("{:.2}", cell.ratio),
        };
        row.cells.iter().map(bar).collect()
    })
}

struct Bar {
    /// Of the whole width.
    length: f64,
    text: String,
}

fn bars(path: &Path, rows: &[&Measured], title: &str, of: impl Fn(&Measured) -> Vec<Bar>) -> Drawn {
    let block = BAR * Backend::ALL.len() as i32 + 14;
    let height = 76 + block * rows.len() as i32;
    let area = SVGBackend::new(path, (WIDTH, u32::try_from(height)?)).into_drawing_area();
    area.fill(&WHITE)?;
    let font = |size: i32| ("sans-serif", size).into_font();
    area.draw(&Text::new(title.to_owned(), (12, 12), font(17)))?;
    legend(&area)?;
    let full = WIDTH as i32 - NAMES - 90;
    let is_ratio = title.contains("grey line");
    for (at, row) in rows.iter().enumerate() {
        let top = 70 + block * at as i32;
        area.draw(&Text::new(row.line.name.to_owned(), (12, top + BAR), font(14)))?;
        if is_ratio {
            let x = NAMES + full / 2;
            let line = [(x, top - 4), (x, top + block - 10)];
            area.draw(&PathElement::new(line, GREY.stroke_width(2)))?;
        }
        for (n, bar) in of(row).into_iter().enumerate() {
            let top = top + BAR * n as i32;
            let length = (bar.length.min(1.0) * f64::from(full)) as i32;
            let corners = [(NAMES, top), (NAMES + length.max(1), top + BAR - 2)];
            area.draw(&Rectangle::new(corners, COLOURS[n].filled()))?;
            area.draw(&Text::new(bar.text, (NAMES + length + 6, top), font(11)))?;
        }
    }
    area.present()?;
    Ok(())
}

fn legend(area: &DrawingArea<SVGBackend<'_>, Shift>) -> Drawn {
    let mut x = NAMES;
    for (n, on) in Backend::ALL.iter().enumerate() {
        area.draw(&Rectangle::new([(x, 42), (x + 12, 54)], COLOURS[n].filled()))?;
        area.draw(&Text::new(on.name(), (x + 18, 42), ("sans-serif", 13).into_font()))?;
        x += 40 + 7 * on.name().len() as i32;
    }
    Ok(())
}

fn against_size(path: &Path, growth: &[Growth]) -> Drawn {
    let area = SVGBackend::new(path, (WIDTH, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let costs = growth.iter().flat_map(|growth| &growth.costs);
    let most = costs.map(|(_, cost)| *cost).fold(0.0, f64::max) * 1.4;
    let mut chart = ChartBuilder::on(&area)
        .caption("What a child of a scope costs, by how many there are", ("sans-serif", 17))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(1.0..5.0, 0.0..most)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_labels(5)
        .x_label_formatter(&|size| format!("{:.0}", 10_f64.powf(*size)))
        .y_label_formatter(&|cost| amount(*cost, Unit::Nanos))
        .x_desc("children")
        .draw()?;
    for (n, Growth { on, costs }) in growth.iter().enumerate() {
        let points: Vec<_> =
            costs.iter().map(|(size, cost)| ((*size as f64).log10(), *cost)).collect();
        let colour = COLOURS[n];
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(on.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        chart
            .draw_series(points.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .border_style(BLACK.mix(0.2))
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}
