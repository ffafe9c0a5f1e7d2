//! A row of the table, and how its numbers are written.

use gostream_http::{Kind, Sample, SampleLabels};

use crate::app::monitor::seen::Seen;

/// A row.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// What the numbers count.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the documentation"))]
    pub(super) unit: &'static str,
    /// The names of its labels and their values, for the documentation.
    pub(super) labels: &'static str,
    pub(super) help: &'static str,
    pub(super) read: fn(&Seen) -> Vec<Sample>,
}

pub(super) const fn counter(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    read: fn(&Seen) -> Vec<Sample>,
) -> Metric {
    metric(name, Kind::Counter, unit, help, read)
}

pub(super) const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    read: fn(&Seen) -> Vec<Sample>,
) -> Metric {
    metric(name, Kind::Gauge, unit, help, read)
}

pub(super) const fn metric(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    help: &'static str,
    read: fn(&Seen) -> Vec<Sample>,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        labels: "",
        help,
        read,
    }
}

impl Metric {
    pub(super) const fn by(mut self, labels: &'static str) -> Self {
        self.labels = labels;
        self
    }
}

/// A number without labels.
pub(super) fn one(number: impl Number) -> Vec<Sample> {
    vec![Sample::Number(SampleLabels::new(), number.float())]
}

/// A number for each value of one label.
pub(super) fn each<N: Number, T: AsRef<str>>(
    label: &'static str,
    numbers: impl IntoIterator<Item = (T, N)>,
) -> Vec<Sample> {
    let numbers = numbers.into_iter();
    numbers
        .map(|(value, number)| {
            let labels = vec![(label, value.as_ref().to_owned())];
            Sample::Number(labels, number.float())
        })
        .collect()
}

/// What can be shown: Prometheus has floats only.
pub(super) trait Number {
    fn float(self) -> f64;
}

impl Number for f64 {
    fn float(self) -> f64 {
        self
    }
}

impl Number for u64 {
    #[expect(clippy::cast_precision_loss, reason = "nothing here comes near 2^52")]
    fn float(self) -> f64 {
        self as f64
    }
}

impl Number for usize {
    fn float(self) -> f64 {
        (self as u64).float()
    }
}

impl Number for bool {
    fn float(self) -> f64 {
        f64::from(u8::from(self))
    }
}
