//! Figures as text that Prometheus reads (text format 0.0.4).

use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use prometheus::{
    TEXT_FORMAT, TextEncoder,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

use crate::error::MonitorRefusal;

/// What kind of figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something lasted how long.
    Histogram,
}

/// One figure, with all its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name, with the unit at its end.
    pub name: &'static str,
    /// What it says, in a sentence.
    pub help: &'static str,
    /// What kind it is; the samples are of that kind.
    pub kind: Kind,
    /// Its values; none when there is nothing to say.
    pub samples: Vec<Sample>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// Of a counter or a gauge.
    Number(Labels, f64),
    /// Of a histogram.
    Histogram(Labels, HistogramSample),
}

/// Names and values that tell the samples of one figure apart.
pub type Labels = Vec<(&'static str, String)>;

/// A histogram as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSample {
    /// Upper bounds of the buckets, growing, and how many are below or at each: of this bucket alone.
    pub buckets: Vec<(f64, u64)>,
    /// How many are above all bounds.
    pub above: u64,
    /// The sum of all values.
    pub sum: f64,
}

impl HistogramSample {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum::<u64>() + self.above
    }
}

/// The answer to who scrapes.
pub(super) fn answer(families: &[Family]) -> Response {
    match encode(families) {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => MonitorRefusal::Failed(error.to_string()).into_response(),
    }
}

fn encode(families: &[Family]) -> prometheus::Result<String> {
    let told = families.iter().filter(|family| !family.samples.is_empty());
    let families: Vec<MetricFamily> = told.map(of_family).collect();
    TextEncoder::new().encode_to_string(&families)
}

fn of_family(family: &Family) -> MetricFamily {
    let mut encoded = MetricFamily::default();
    encoded.set_name(family.name.to_owned());
    encoded.set_help(family.help.to_owned());
    encoded.set_field_type(match family.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::Gauge => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
    });
    let samples = family.samples.iter();
    encoded.set_metric(
        samples
            .map(|sample| of_sample(family.kind, sample))
            .collect(),
    );
    encoded
}

fn of_sample(kind: Kind, sample: &Sample) -> Metric {
    let mut metric = Metric::default();
    let labels = match sample {
        Sample::Number(labels, value) => {
            if kind == Kind::Counter {
                let mut counter = Counter::default();
                counter.set_value(*value);
                metric.set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(*value);
                metric.set_gauge(gauge);
            }
            labels
        }
        Sample::Histogram(labels, sample) => {
            metric.set_histogram(of_histogram(sample));
            labels
        }
    };
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value(value.clone());
        pair
    });
    metric.set_label(pairs.collect());
    metric
}

fn of_histogram(sample: &HistogramSample) -> Histogram {
    let mut below = 0;
    let buckets = sample.buckets.iter().map(|(bound, count)| {
        below += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(sample.count());
    histogram.set_sample_sum(sample.sum);
    histogram
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_written_as_prometheus_reads_it() {
        let label = |value: &str| vec![("kind", value.to_owned())];
        let families = [
            Family {
                name: "a_total",
                help: "A \\ b.",
                kind: Kind::Counter,
                samples: vec![
                    Sample::Number(label("x\"y\nz"), 3.0),
                    Sample::Number(label("w"), 0.5),
                ],
            },
            Family {
                name: "b_bytes",
                help: "B.",
                kind: Kind::Gauge,
                samples: vec![Sample::Number(vec![], 268_435_456.0)],
            },
            Family {
                name: "c_seconds",
                help: "C.",
                kind: Kind::Histogram,
                samples: vec![Sample::Histogram(
                    vec![],
                    HistogramSample {
                        buckets: vec![(0.5, 2), (1.0, 3)],
                        above: 4,
                        sum: 12.25,
                    },
                )],
            },
            Family {
                name: "d",
                help: "Nothing to say.",
                kind: Kind::Gauge,
                samples: vec![],
            },
        ];
        let expected = "\
# HELP a_total A \\\\ b.
# TYPE a_total counter
a_total{kind=\"x\\\"y\\nz\"} 3
a_total{kind=\"w\"} 0.5
# HELP b_bytes B.
# TYPE b_bytes gauge
b_bytes 268435456
# HELP c_seconds C.
# TYPE c_seconds histogram
c_seconds_bucket{le=\"0.5\"} 2
c_seconds_bucket{le=\"1\"} 5
c_seconds_bucket{le=\"+Inf\"} 9
c_seconds_sum 12.25
c_seconds_count 9
";
        assert_eq!(encode(&families).unwrap(), expected);
    }
}
