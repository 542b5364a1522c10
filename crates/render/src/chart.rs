//! Charts of a series over time as SVG, readable on light and dark ground.

use chrono::FixedOffset;
use mailvane_model::Time;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::Error;

/// The colour of labels and lines of the frame: grey reads on white and on black.
const GREY: RGBColor = RGBColor(128, 128, 128);
/// What a colour means. They are told apart by people with a colour vision deficiency, too (Okabe and Ito).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hue {
    /// It went well: green.
    Good,
    /// It went another way: light blue.
    #[default]
    Aside,
    /// It was lost: vermilion.
    Bad,
    /// It takes longer: orange.
    Slow,
    /// Something of another kind: purple.
    Other,
}

impl Hue {
    const fn colour(self) -> RGBColor {
        match self {
            Hue::Good => RGBColor(0, 158, 115),
            Hue::Aside => RGBColor(86, 180, 233),
            Hue::Bad => RGBColor(213, 94, 0),
            Hue::Slow => RGBColor(230, 159, 0),
            Hue::Other => RGBColor(204, 121, 167),
        }
    }
}

/// More points than this are added up in pairs until they fit: a screen shows no more.
const POINTS: usize = 400;

/// The height of title and legend, in pixels.
const LEGEND: u32 = 44;

/// How values stand in a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Parts of a whole, on top of each other.
    #[default]
    Bars,
    /// Each by itself.
    Lines,
}

/// One named row of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its colour.
    pub hue: Hue,
    /// A value for each step; one that is no number is not known, and leaves a gap.
    pub values: Vec<f64>,
}

/// In what values are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    #[default]
    Count,
    /// A share, from 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// What is usual: a value at the lower and the upper edge for each step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// The lower edge.
    pub low: Vec<f64>,
    /// The upper edge.
    pub high: Vec<f64>,
}

/// Something that happened at a time, or went on for some.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    /// When it began.
    pub from: Time,
    /// When it ended; none for what has no length.
    pub until: Option<Time>,
    /// Its colour.
    pub hue: Hue,
}

/// A chart to be drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it shows, for those who cannot see it.
    pub title: String,
    /// The start of each step, evenly spaced or not, in order.
    pub starts: Vec<Time>,
    /// The length of a step in seconds.
    pub step_seconds: i64,
    /// The series; those without a value are left out.
    pub series: Vec<Series>,
    /// How they stand.
    pub kind: Kind,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// In what values are counted.
    pub unit: Unit,
    /// What is usual.
    pub band: Option<Band>,
    /// What happened meanwhile.
    pub markers: Vec<Marker>,
    /// Whether names and colours stand in the picture, which then needs nothing beside it.
    pub legend: bool,
}

impl Chart {
    /// The picture: one `svg` element. `offset_minutes` says how far east of UTC the reader's clock is at a time.
    pub fn svg(&self, offset_minutes: &dyn Fn(Time) -> i32) -> Result<String, Error> {
        let chart = self.thinned();
        let mut out = String::new();
        let area = SVGBackend::with_string(&mut out, self.size).into_drawing_area();
        chart.draw(area, offset_minutes).map_err(|error| Error::Chart(error.to_string()))?;
        // A picture without a name says nothing to a screen reader.
        let name = format!("<svg role=\"img\" aria-label=\"{}\" ", crate::html::escape(&self.title));
        Ok(out.replacen("<svg ", &name, 1))
    }

    /// The same picture as PNG on white ground, for mail, where few readers show SVG.
    pub fn png(&self, offset_minutes: &dyn Fn(Time) -> i32) -> Result<Vec<u8>, Error> {
        let chart = self.thinned();
        let (width, height) = self.size;
        let mut pixels = vec![0xff; width as usize * height as usize * 3];
        {
            let area = BitMapBackend::with_buffer(&mut pixels, self.size).into_drawing_area();
            area.fill(&WHITE).map_err(|error| Error::Chart(error.to_string()))?;
            chart.draw(area, offset_minutes).map_err(|error| Error::Chart(error.to_string()))?;
        }
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(|error| Error::Chart(error.to_string()))?;
        writer.write_image_data(&pixels).map_err(|error| Error::Chart(error.to_string()))?;
        writer.finish().map_err(|error| Error::Chart(error.to_string()))?;
        Ok(out)
    }

    /// Without empty series, and with no more steps than can be seen.
    fn thinned(&self) -> Chart {
        let mut chart = self.clone();
        chart.series.retain(|series| series.values.iter().any(|value| *value > 0.0));
        for series in &mut chart.series {
            series.values.resize(chart.starts.len(), 0.0);
        }
        let counts = matches!(chart.unit, Unit::Count | Unit::Bytes);
        while chart.starts.len() > POINTS {
            chart.step_seconds *= 2;
            chart.starts = chart.starts.iter().step_by(2).copied().collect();
            for series in &mut chart.series {
                series.values = paired(&series.values, counts);
            }
            if let Some(band) = &mut chart.band {
                (band.low, band.high) = (paired(&band.low, counts), paired(&band.high, counts));
            }
        }
        chart
    }

    fn highest(&self) -> f64 {
        let at = |step: usize| self.series.iter().map(move |series| series.values.get(step).copied().unwrap_or(0.0));
        let of_step = |step: usize| match self.kind {
            Kind::Bars => at(step).filter(|value| value.is_finite()).sum::<f64>(),
            Kind::Lines => at(step).fold(0.0, f64::max),
        };
        let band = self.band.iter().flat_map(|band| &band.high).copied().fold(0.0, f64::max);
        (0..self.starts.len()).map(of_step).fold(band, f64::max)
    }

    fn draw<B>(&self, root: DrawingArea<B, Shift>, offset_minutes: &dyn Fn(Time) -> i32) -> Result<(), Box<dyn std::error::Error>>
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
    {
        letters()?;
        let root = if self.legend { self.draw_legend(&root)? } else { root };
        // Steps are counted from the first one, so that labels stand at whole steps; one that is missing leaves a gap.
        let first = self.starts.first().map_or(0, |start| start.seconds());
        let step_seconds = self.step_seconds.max(1);
        let place = |start: &Time| (start.seconds() - first) as f64 / step_seconds as f64;
        let last = self.starts.last().map_or(0.0, place) + 1.0;
        let least = if self.unit == Unit::Share { 0.01 } else { 1.0 };
        let top = (self.highest() * 1.08).max(least);
        let mut chart =
            ChartBuilder::on(&root).margin(6).x_label_area_size(26).y_label_area_size(58).build_cartesian_2d(0.0..last, 0.0..top)?;
        let long = last * step_seconds as f64 > 3.0 * 86_400.0;
        let label = |step: &f64| moment(Time::from_seconds(first + (step * step_seconds as f64) as i64), offset_minutes, long);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .axis_style(GREY.mix(0.6))
            .x_labels(8)
            .y_labels(5)
            .x_label_formatter(&label)
            .y_label_formatter(&|value| self.unit.write(*value))
            .label_style(("sans-serif", 12).into_font().color(&GREY))
            .draw()?;
        chart.draw_series(self.markers(last, &place, top))?;
        chart.draw_series(self.band(&place))?;
        match self.kind {
            Kind::Bars => {
                chart.draw_series(self.bars(&place))?;
            }
            Kind::Lines => {
                for series in &self.series {
                    let points: Vec<(f64, f64)> =
                        self.starts.iter().zip(&series.values).map(|(start, value)| (place(start) + 0.5, *value)).collect();
                    // What is not known leaves a gap.
                    for run in points.split(|point| !point.1.is_finite()).filter(|run| !run.is_empty()) {
                        chart.draw_series(LineSeries::new(run.iter().copied(), series.hue.colour().stroke_width(2)))?;
                    }
                }
            }
        }
        root.present()?;
        Ok(())
    }

    /// Each series on top of those before it.
    fn bars(&self, place: &dyn Fn(&Time) -> f64) -> Vec<Rectangle<(f64, f64)>> {
        let mut below = vec![0.0; self.starts.len()];
        let mut bars = Vec::new();
        for series in &self.series {
            for ((start, value), below) in self.starts.iter().zip(&series.values).zip(&mut below) {
                if *value > 0.0 {
                    let (left, bottom) = (place(start), *below);
                    *below += value;
                    bars.push(Rectangle::new([(left, bottom), (left + 0.9, *below)], series.hue.colour().filled()));
                }
            }
        }
        bars
    }

    /// What is usual, as one grey band.
    fn band(&self, place: &dyn Fn(&Time) -> f64) -> Vec<Rectangle<(f64, f64)>> {
        let Some(band) = &self.band else { return Vec::new() };
        let edges = self.starts.iter().zip(band.low.iter().zip(&band.high));
        let known = edges.filter(|(_, (low, high))| low.is_finite() && high.is_finite() && high >= low);
        known
            .map(|(start, (low, high))| Rectangle::new([(place(start), *low), (place(start) + 1.0, *high)], GREY.mix(0.18).filled()))
            .collect()
    }

    /// A tinted stretch for what went on, a thin line for what happened.
    fn markers(&self, last: f64, place: &dyn Fn(&Time) -> f64, top: f64) -> Vec<Rectangle<(f64, f64)>> {
        let thin = last / f64::from(self.size.0.max(1)) * 1.5;
        let stretch = |marker: &Marker| {
            let from = place(&marker.from).clamp(0.0, last);
            (from, marker.until.map_or(from, |until| place(&until)).clamp(from, last), marker.hue)
        };
        let mut stretches: Vec<(f64, f64, Hue)> = self.markers.iter().map(stretch).collect();
        stretches.sort_by(|left, right| left.0.total_cmp(&right.0));
        // What overlaps is one stretch: tints over each other would hide the values.
        let mut drawn: Vec<(f64, f64, Hue)> = Vec::new();
        for (from, until, hue) in stretches {
            match drawn.iter_mut().rfind(|known| known.2 == hue && known.1 > known.0 && until > from && known.1 >= from) {
                Some(known) => known.1 = known.1.max(until),
                None => drawn.push((from, until, hue)),
            }
        }
        let tint = |(from, until, hue): (f64, f64, Hue)| {
            let colour = hue.colour().mix(if until > from { 0.16 } else { 0.8 }).filled();
            Rectangle::new([(from, 0.0), (until.max(from + thin).min(last), top)], colour)
        };
        drawn.into_iter().map(tint).collect()
    }

    /// The title and the names of the series with their colours above the chart; what is left for it.
    fn draw_legend<B>(&self, root: &DrawingArea<B, Shift>) -> Result<DrawingArea<B, Shift>, Box<dyn std::error::Error>>
    where
        B: DrawingBackend,
        B::ErrorType: 'static,
    {
        let (head, rest) = root.split_vertically(LEGEND);
        let bold = ("sans-serif", 14).into_font().color(&GREY);
        let letters = ("sans-serif", 12).into_font().color(&GREY);
        head.draw(&Text::new(self.title.clone(), (8, 6), bold))?;
        let mut left = 8;
        for series in &self.series {
            head.draw(&Rectangle::new([(left, 27), (left + 10, 37)], series.hue.colour().filled()))?;
            head.draw(&Text::new(series.name.clone(), (left + 15, 25), letters.clone()))?;
            let (wide, _) = head.estimate_text_size(&series.name, &letters)?;
            left += wide as i32 + 32;
        }
        Ok(rest)
    }

    /// The names of the series that are drawn, each with its colour as `#rrggbb`.
    pub fn legend(&self) -> Vec<(String, String)> {
        let drawn = self.thinned().series;
        let hex = |colour: RGBColor| format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2);
        drawn.into_iter().map(|series| (series.name, hex(series.hue.colour()))).collect()
    }
}

/// Neighbours as one: counts are added up, shares and times are the larger one.
fn paired(values: &[f64], counts: bool) -> Vec<f64> {
    let one = |pair: &[f64]| match pair {
        [only] => *only,
        pair if counts => pair.iter().sum(),
        pair => pair.iter().copied().fold(f64::NAN, f64::max),
    };
    values.chunks(2).map(one).collect()
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Unit::Count => format!("{value:.0}"),
            Unit::Share => format!("{:.0} %", value * 100.0),
            Unit::Seconds if value >= 120.0 => format!("{:.0} min", value / 60.0),
            Unit::Seconds => format!("{value:.0} s"),
            Unit::Bytes => crate::text::bytes(value.max(0.0) as u64),
        }
    }
}

/// Gives the chart library its letters, once: a server has no fonts of its own that could be counted on.
fn letters() -> Result<(), Error> {
    static LETTERS: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let read = LETTERS.get_or_init(|| register_font("sans-serif", FontStyle::Normal, include_bytes!("../fonts/chart-sans.ttf")).is_ok());
    if *read { Ok(()) } else { Err(Error::Chart("the letters of the charts cannot be read".into())) }
}

fn moment(time: Time, offset_minutes: &dyn Fn(Time) -> i32, long: bool) -> String {
    let offset = FixedOffset::east_opt(offset_minutes(time).clamp(-1439, 1439) * 60);
    let form = if long { "%-d %b" } else { "%-d %b %H:%M" };
    match offset {
        Some(offset) => time.to_chrono().with_timezone(&offset).format(form).to_string(),
        None => time.to_chrono().format(form).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(kind: Kind, steps: i64) -> Chart {
        Chart {
            title: "Mail <by hour>".into(),
            starts: (0..steps).map(|step| Time::from_seconds(1_762_000_000 + step * 3600)).collect(),
            step_seconds: 3600,
            series: vec![
                Series { name: "delivered".into(), hue: Hue::Good, values: (0..steps).map(|step| (step % 7) as f64).collect() },
                Series { name: "nothing".into(), hue: Hue::Slow, values: vec![0.0; steps as usize] },
                Series { name: "bounced".into(), hue: Hue::Bad, values: vec![1.0; steps as usize] },
            ],
            kind,
            size: (900, 220),
            ..Chart::default()
        }
    }

    #[test]
    fn bands_markers_gaps_and_the_legend_are_drawn() {
        let mut chart = chart(Kind::Lines, 24);
        let plain = chart.svg(&|_| 0).unwrap();
        chart.series[0].values[5] = f64::NAN;
        chart.unit = Unit::Share;
        chart.band = Some(Band { low: vec![1.0; 24], high: vec![3.0; 24] });
        let at = |hour: i64| Time::from_seconds(1_762_000_000 + hour * 3600);
        chart.markers = vec![
            Marker { from: at(-5), until: Some(at(3)), hue: Hue::Bad },
            Marker { from: at(1), until: Some(at(2)), hue: Hue::Bad },
            Marker { from: at(9), until: None, hue: Hue::Other },
            Marker { from: at(20), until: Some(at(200)), hue: Hue::Bad },
        ];
        chart.legend = true;
        let drawn = chart.svg(&|_| 0).unwrap();
        let rects = |svg: &str| svg.matches("<rect").count();
        assert_eq!(rects(&drawn), rects(&plain) + 24 + 3 + 2, "a band of 24 steps, three markers (two overlap), two colours of the legend");
        assert_eq!(drawn.matches("<polyline").count(), plain.matches("<polyline").count() + 1, "a gap makes two lines of one");
        assert!(drawn.contains("bounced") && drawn.contains(" %"), "names and units stand in it");
        chart.starts.clear();
        assert!(chart.svg(&|_| 0).is_ok());
    }

    #[test]
    fn a_chart_is_one_named_picture() {
        for kind in [Kind::Bars, Kind::Lines] {
            let svg = chart(kind, 24).svg(&|_| 60).unwrap();
            assert!(svg.starts_with("<svg role=\"img\" aria-label=\"Mail &lt;by hour&gt;\""), "{}", &svg[..80]);
            assert_eq!(svg.matches("<svg").count(), 1);
            assert!(svg.trim_end().ends_with("</svg>"));
        }
        assert_eq!(chart(Kind::Bars, 24).legend().len(), 2, "what has no value is not in the legend");
    }

    #[test]
    fn long_and_empty_series_are_drawn_too() {
        let year = chart(Kind::Bars, 8760).svg(&|_| 0).unwrap();
        assert!(year.matches("<rect").count() <= 2 * POINTS + 10);
        assert!(chart(Kind::Lines, 0).svg(&|_| 0).is_ok());
        assert!(chart(Kind::Bars, 1).svg(&|_| 100_000).is_ok());
    }

    #[test]
    fn the_same_chart_is_a_png_with_letters_and_colours() {
        let bytes = chart(Kind::Bars, 24).png(&|_| 0).unwrap();
        let mut reader = png::Decoder::new(bytes.as_slice()).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (900, 220));
        let of = |colour: [u8; 3]| pixels.chunks_exact(3).filter(|pixel| **pixel == colour).count();
        assert!(of([0, 158, 115]) > 1_000, "delivered is drawn");
        let grey = pixels.chunks_exact(3).skip(900 * 196).filter(|pixel| pixel[0] < 200 && pixel[0] == pixel[1]).count();
        assert!(grey > 200, "the labels below are drawn: {grey}");
    }
}
