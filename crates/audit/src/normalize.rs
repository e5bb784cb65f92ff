//! normalize
use crate::reassemble::Group;
use schema::{Event, Stream, field};

/// What events hold.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether `event.original` holds the raw lines.
    pub original: bool,
    /// `event.provider`: `unicast`, `multicast` or `replay`.
    pub provider: &'static str,
}

impl Default for Options {
    fn default() -> Self {
        Self { original: true, provider: "unicast" }
    }
}

/// Names of ids on the host that the records came from.
pub trait Names {
    /// The user's name.
    fn user(&self, id: u32) -> Option<&str>;
    /// The group's name.
    fn group(&self, id: u32) -> Option<&str>;
}

/// No names but those in ENRICHED tails.
pub struct NoNames;

impl Names for NoNames {
    fn user(&self, _: u32) -> Option<&str> {
        None
    }
    fn group(&self, _: u32) -> Option<&str> {
        None
    }
}

/// What was found while normalising.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// A record that should be there is missing.
    pub incomplete: bool,
}

/// Groups into events.
pub struct Normalizer {
    options: Options,
}

impl Normalizer {
    /// With nothing kept.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Fills an empty event.
    pub fn normalize(&mut self, group: &Group, _names: &dyn Names, event: &mut Event) -> Verdict {
        event.push_date(field::TIMESTAMP, group.stamp().time);
        event.push_str(field::EVENT_DATASET, Stream::Audit.dataset());
        event.push_str(field::EVENT_MODULE, "auditd");
        event.push_str(field::EVENT_PROVIDER, self.options.provider);
        event.push_long(field::EVENT_SEQUENCE, i64::from(group.stamp().serial));
        if self.options.original {
            event.push_bytes(field::EVENT_ORIGINAL, group.text());
        }
        Verdict::default()
    }
}
