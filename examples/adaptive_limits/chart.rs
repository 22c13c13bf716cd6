//! The limits over time, each in a panel of its own, above each other.

use crate::{Phase, Run};
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    drawing::IntoDrawingArea,
    element::{PathElement, Rectangle, Text},
    series::LineSeries,
    style::{BLACK, Color, IntoFont, RGBColor, WHITE},
};
use std::{error::Error, path::Path, time::Duration};

const CAPACITY: RGBColor = RGBColor(90, 90, 90);
const GOOD: RGBColor = RGBColor(214, 236, 214);
const LIMIT: RGBColor = RGBColor(31, 98, 180);

pub(crate) fn draw(
    path: &Path,
    runs: &[Run],
    phases: &[Phase],
    end: Duration,
) -> Result<(), Box<dyn Error>> {
    let size = (900, 230 * u32::try_from(runs.len())?);
    let whole = plotters::backend::SVGBackend::new(path, size).into_drawing_area();
    whole.fill(&WHITE)?;
    let highest = runs.iter().flat_map(|run| &run.limits).map(|(_, limit)| *limit).max();
    let most = phases.iter().map(|phase| phase.capacity * 2).max().max(highest).unwrap_or(1);
    // From each phase on, until the next.
    let ends = phases.iter().skip(1).map(|phase| phase.from).chain([end]);
    let spans: Vec<_> = phases.iter().zip(ends).collect();
    let last = runs.len() - 1;
    for (n, (run, panel)) in runs.iter().zip(whole.split_evenly((runs.len(), 1))).enumerate() {
        let mut chart = ChartBuilder::on(&panel)
            .caption(&run.name, ("sans-serif", 16))
            .margin(8)
            .margin_right(24)
            .x_label_area_size(32)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..end.as_secs_f64(), 0.0..most as f64 * 1.05)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_desc(if n == last { "seconds" } else { "" })
            .y_desc("calls at once")
            .x_label_formatter(&|seconds| format!("{seconds:.0}"))
            .y_label_formatter(&|calls| format!("{calls:.0}"))
            .label_style(("sans-serif", 12))
            .draw()?;
        let bands = spans.iter().map(|(phase, to)| {
            let (low, high) = (0.8 * phase.capacity as f64, 1.5 * phase.capacity as f64);
            let corners = [(phase.from.as_secs_f64(), low), (to.as_secs_f64(), high)];
            Rectangle::new(corners, GOOD.filled())
        });
        chart
            .draw_series(bands)?
            .label("0.8 to 1.5 of the capacity")
            .legend(|(x, y)| Rectangle::new([(x, y - 4), (x + 16, y + 4)], GOOD.filled()));
        let steps = spans.iter().flat_map(|(phase, to)| {
            [phase.from, *to].map(|at| (at.as_secs_f64(), phase.capacity as f64))
        });
        chart
            .draw_series(LineSeries::new(steps, CAPACITY.stroke_width(2)))?
            .label("capacity of the service")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], CAPACITY.stroke_width(2)));
        let limits = run.limits.iter().map(|(at, limit)| (at.as_secs_f64(), *limit as f64));
        chart
            .draw_series(LineSeries::new(limits, LIMIT.stroke_width(1)))?
            .label("limit")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], LIMIT.stroke_width(1)));
        chart.draw_series(phases.iter().map(|phase| {
            let place = (phase.from.as_secs_f64() + 2.0, most as f64 * 0.07);
            Text::new(phase.what, place, ("sans-serif", 11).into_font().color(&CAPACITY))
        }))?;
        if n == 0 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperMiddle)
                .border_style(BLACK.mix(0.2))
                .label_font(("sans-serif", 11))
                .draw()?;
        }
    }
    whole.present()?;
    Ok(())
}
