//! The text form of metrics (`OpenMetrics` 1.0), which Prometheus and most collectors read.
//!
//! Percentiles are given as gauges beside the histogram that they are read off, for those who have nothing to compute them
//! with; over a window of time they follow from the histogram alone (`histogram_quantile` over a `rate`).

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use super::{Family, Metrics};

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The gauge with percentiles of the durations.
const PERCENTILES: &str = "countersign_step_duration_percentile_seconds";

impl Metrics {
    /// The text of everything that was counted.
    #[must_use]
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        for family in Family::ALL {
            // Writing to a string does not fail.
            let _ = self.family(family, &mut text);
        }
        let _ = self.percentiles(&mut text);
        text.push_str("# EOF\n");
        text
    }

    fn family(&self, family: Family, text: &mut String) -> core::fmt::Result {
        let (name, bounds) = (family.name(), family.bounds());
        head(text, name, if bounds.is_some() { "histogram" } else { "counter" }, family.help())?;
        for (labels, count, histogram) in self.of(family) {
            let (Some(bounds), Some(histogram)) = (bounds, histogram) else {
                writeln!(text, "{name}_total{} {count}", labelled(family, labels, None))?;
                continue;
            };
            let unit = if family == Family::StepDuration { seconds } else { whole };
            let mut below = 0_u64;
            let limits = bounds.iter().map(|bound| unit(*bound)).chain(["+Inf".into()]);
            for (limit, count) in limits.zip(histogram.buckets()) {
                below = below.saturating_add(*count);
                let labels = labelled(family, labels, Some(("le", &limit)));
                writeln!(text, "{name}_bucket{labels} {below}")?;
            }
            let labels = labelled(family, labels, None);
            writeln!(text, "{name}_sum{labels} {}", unit(histogram.sum()))?;
            writeln!(text, "{name}_count{labels} {count}")?;
        }
        Ok(())
    }

    fn percentiles(&self, text: &mut String) -> core::fmt::Result {
        let family = Family::StepDuration;
        head(
            text,
            PERCENTILES,
            "gauge",
            "Percentiles of step durations since counting began: the upper bound of their bucket.",
        )?;
        for (labels, _, histogram) in self.of(family) {
            for percent in [50, 95, 99] {
                let value = family
                    .bounds()
                    .zip(histogram)
                    .and_then(|(bounds, histogram)| histogram.percentile(bounds, percent));
                let labels = labelled(family, labels, Some(("percentile", &percent.to_string())));
                let value = value.map_or_else(|| "+Inf".into(), seconds);
                writeln!(text, "{PERCENTILES}{labels} {value}")?;
            }
        }
        Ok(())
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) -> core::fmt::Result {
    writeln!(text, "# TYPE {name} {kind}")?;
    if name.ends_with("_seconds") {
        writeln!(text, "# UNIT {name} seconds")?;
    }
    writeln!(text, "# HELP {name} {}", escaped(help))
}

/// Labels in braces; nothing where there are none.
fn labelled(family: Family, labels: &[String], last: Option<(&str, &str)>) -> String {
    let own = family.labels().iter().zip(labels).map(|(name, label)| (*name, label.as_str()));
    let mut text = String::new();
    for (name, label) in own.chain(last) {
        text.push(if text.is_empty() { '{' } else { ',' });
        // Nothing fails to be written to a text.
        let _ = write!(text, "{name}=\"{}\"", escaped(label));
    }
    if !text.is_empty() {
        text.push('}');
    }
    text
}

/// A text with its backslashes, line breaks and quotes escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

/// Microseconds as seconds, exactly, with a fraction as the canonical form of bounds has it.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let trimmed = text.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.into() }
}

fn whole(value: u64) -> String {
    format!("{value}.0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn the_text_ends_and_says_what_each_family_is() {
        let text = Metrics::new(0).openmetrics();
        assert!(text.starts_with("# TYPE countersign_decisions counter\n# HELP countersign_decisions "));
        assert!(text.contains("# UNIT countersign_step_duration_seconds seconds\n"));
        assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    }

    #[test]
    fn a_histogram_counts_what_is_below_each_bound() {
        let mut metrics = Metrics::new(0);
        metrics.step("keys", Duration::from_micros(300));
        metrics.step("keys", Duration::from_millis(1_500));
        let text = metrics.openmetrics();
        let name = "countersign_step_duration_seconds";
        for line in [
            r#"_bucket{step="keys",le="0.00025"} 0"#,
            r#"_bucket{step="keys",le="0.0005"} 1"#,
            r#"_bucket{step="keys",le="1.0"} 1"#,
            r#"_bucket{step="keys",le="2.5"} 2"#,
            r#"_bucket{step="keys",le="+Inf"} 2"#,
            r#"_sum{step="keys"} 1.5003"#,
            r#"_count{step="keys"} 2"#,
        ] {
            assert!(text.contains(&format!("\n{name}{line}\n")), "{line} in\n{text}");
        }
        assert!(text.contains(&format!("{PERCENTILES}{{step=\"keys\",percentile=\"50\"}} 0.0005\n")));
        assert!(text.contains(&format!("{PERCENTILES}{{step=\"keys\",percentile=\"99\"}} 2.5\n")));
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
        assert_eq!(labelled(Family::FailureNetworks, &["\"".into()], None), r#"{asn="\""}"#);
        assert_eq!(labelled(Family::Isolates, &[], None), "");
    }
}
