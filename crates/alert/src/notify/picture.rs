//! The trend of an incident as a picture for mail.

use chrono::Offset;
use chrono::TimeZone;
use chrono_tz::Tz;
use mailvane_model::Time;
use mailvane_render::chart::{Chart, Hue, Kind, Series};

use crate::error::Error;
use crate::event::Trend;

/// Twice the width at which it is shown, so that it is sharp.
const SIZE: (u32, u32) = (1000, 260);

/// The picture as PNG; `None` when there is nothing to draw.
///
/// # Errors
/// [`Error::Picture`] when it could not be drawn.
pub fn png(trend: &Trend, zone: Tz) -> Result<Option<Vec<u8>>, Error> {
    if trend.is_empty() || trend.step <= 0 {
        return Ok(None);
    }
    let values = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).collect();
    let chart = Chart {
        title: "Attempts over time".into(),
        starts: (0..trend.accepted.len()).map(|step| Time(trend.from.saturating_add(trend.step.saturating_mul(step as i64)))).collect(),
        step_seconds: (trend.step / Time::SECOND).max(1),
        series: vec![
            Series { name: "accepted".into(), hue: Hue::Good, values: values(&trend.accepted) },
            Series { name: "refused or deferred".into(), hue: Hue::Bad, values: values(&trend.refused) },
        ],
        kind: Kind::Bars,
        size: SIZE,
        ..Chart::default()
    };
    let offset = |time: Time| zone.offset_from_utc_datetime(&time.to_chrono().naive_utc()).fix().local_minus_utc() / 60;
    chart.png(&offset).map(Some).map_err(|error| Error::Picture(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_is_a_png_and_nothing_is_none() {
        let trend = Trend { from: 1_762_000_000_000_000, step: Time::MINUTE, accepted: vec![9, 1, 0], refused: vec![0, 20, 28] };
        let bytes = png(&trend, Tz::Europe__Berlin).unwrap().unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() < 60_000, "{}", bytes.len());
        assert_eq!(png(&Trend::default(), Tz::UTC).unwrap(), None);
    }
}
