//! The part of an upload that a request carries.

/// `bytes 0-9/100`, `bytes 0-9/*`, `bytes */100`, `bytes */*`.
#[derive(Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Where the part begins; `None` if the client only asks how much has arrived.
    pub first: Option<u64>,
    /// The length of the whole upload, if known.
    pub total: Option<u64>,
}

impl ContentRange {
    /// Reads the header's value.
    pub fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
        let total = if total == "*" {
            None
        } else {
            Some(total.parse().ok()?)
        };
        let first = match range {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(())?;
                Some(first)
            }
        };
        Some(Self { first, total })
    }
}

#[cfg(test)]
mod tests {
    use super::ContentRange;

    #[test]
    fn ranges() {
        let range = |first, total| Some(ContentRange { first, total });
        assert_eq!(
            ContentRange::parse("bytes 0-9/100"),
            range(Some(0), Some(100))
        );
        assert_eq!(ContentRange::parse("bytes 5-9/*"), range(Some(5), None));
        assert_eq!(ContentRange::parse("bytes */100"), range(None, Some(100)));
        assert_eq!(ContentRange::parse("bytes */*"), range(None, None));
        for bad in ["", "bytes", "bytes 9-0/10", "bytes a-b/10", "items 0-9/10"] {
            assert_eq!(ContentRange::parse(bad), None, "{bad}");
        }
    }
}
