//! Two clocks, both arguments: the monotonic one measures lifetimes, the wall clock dates.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a driver has to look at the clocks while a fetch is under way.
pub(crate) const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Milliseconds on the driver's monotonic clock. Zero is any moment before the engine was made.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time since an earlier moment; zero if that is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Timestamp {
    /// So much after the clock's zero.
    fn from(elapsed: Duration) -> Self {
        Self(milliseconds(elapsed))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }
}

/// Milliseconds since 1970 in UTC, as the wall clock shows them. Used for dates and to notice that the machine slept,
/// never for lifetimes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// The time since an earlier date; zero if that is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for UnixTime {
    /// So much after 1970.
    fn from(elapsed: Duration) -> Self {
        Self(milliseconds(elapsed))
    }
}

/// What the two clocks of a driver show at one moment. The monotonic one measures lifetimes; it stands still while the
/// machine sleeps. The wall clock does not, but it may be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    pub(crate) now: Timestamp,
    pub(crate) wall: UnixTime,
}

impl Clocks {
    /// The time since an earlier look, by the clock that shows more.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.now.since(earlier.now).max(self.wall.since(earlier.wall))
    }

    /// The wall clock at `Timestamp(0)`.
    pub(crate) fn started_at(self) -> UnixTime {
        UnixTime(self.wall.0.saturating_sub(self.now.0))
    }
}

/// A duration in whole milliseconds, saturating.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration in JSON, where its name ends in `Ms`.
pub(crate) mod in_milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        super::milliseconds(*duration).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// The same of one that may be missing.
pub(crate) mod maybe_in_milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "what serde calls")]
    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(super::milliseconds).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
