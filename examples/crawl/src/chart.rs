//! The limits over time as SVG, those of each host in a panel of its own.

use crate::track::Track;
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    drawing::IntoDrawingArea,
    element::{PathElement, Rectangle},
    series::LineSeries,
    style::{BLACK, Color, RGBColor, WHITE},
};
use std::{error::Error, path::Path, time::Duration};

const CAPACITY: RGBColor = RGBColor(90, 90, 90);
const LIMIT: RGBColor = RGBColor(31, 98, 180);
const OPEN: RGBColor = RGBColor(246, 206, 200);

pub(crate) fn draw(path: &Path, tracks: &[Track], end: Duration) -> Result<(), Box<dyn Error>> {
    let size = (900, 230 * u32::try_from(tracks.len())?);
    let whole = plotters::backend::SVGBackend::new(path, size).into_drawing_area();
    whole.fill(&WHITE)?;
    let points = tracks.iter().flat_map(|track| &track.points);
    let most = points.map(|point| point.limit.max(point.capacity)).max().unwrap_or(1) as f64 * 1.1;
    for (track, panel) in tracks.iter().zip(whole.split_evenly((tracks.len(), 1))) {
        let mut chart = ChartBuilder::on(&panel)
            .caption(track.host.to_string(), ("sans-serif", 16))
            .margin(8)
            .margin_right(24)
            .x_label_area_size(32)
            .y_label_area_size(44)
            .build_cartesian_2d(0.0..end.as_secs_f64(), 0.0..most)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_desc("seconds")
            .y_desc("requests at once")
            .y_label_formatter(&|requests| format!("{requests:.0}"))
            .label_style(("sans-serif", 12))
            .draw()?;
        let spans = track.points.windows(2).filter(|span| span[0].is_open);
        let open = spans.map(|span| {
            let corners = [(span[0].at.as_secs_f64(), 0.0), (span[1].at.as_secs_f64(), most)];
            Rectangle::new(corners, OPEN.filled())
        });
        chart
            .draw_series(open)?
            .label("breaker open")
            .legend(|(x, y)| Rectangle::new([(x, y - 4), (x + 16, y + 4)], OPEN.filled()));
        let capacity =
            track.points.iter().map(|point| (point.at.as_secs_f64(), point.capacity as f64));
        chart
            .draw_series(LineSeries::new(capacity, CAPACITY.stroke_width(2)))?
            .label("capacity of the host")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], CAPACITY.stroke_width(2)));
        let limit = track.points.iter().map(|point| (point.at.as_secs_f64(), point.limit as f64));
        chart
            .draw_series(LineSeries::new(limit, LIMIT.stroke_width(1)))?
            .label("limit")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], LIMIT.stroke_width(1)));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .border_style(BLACK.mix(0.2))
            .label_font(("sans-serif", 11))
            .draw()?;
    }
    whole.present()?;
    Ok(())
}
