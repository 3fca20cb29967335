use std::collections::BTreeMap;
use std::fmt;

use crate::check::Verdict;
use crate::exchange::Exchange;
use crate::redact;

/// How much was checked, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    exchanges: usize,
    methods: BTreeMap<&'static str, usize>,
    unvalidated: usize,
    complaints: Vec<String>,
}

impl Tally {
    /// Counts an exchange.
    pub fn add(&mut self, exchange: &Exchange, verdicts: &[Verdict]) {
        self.exchanges += 1;
        for verdict in verdicts {
            match verdict.method {
                Some(method) => *self.methods.entry(method).or_default() += 1,
                None => self.unvalidated += 1,
            }
            for finding in &verdict.findings {
                let status = exchange
                    .status
                    .map_or("no answer".into(), |status| status.to_string());
                let target = redact::target(exchange);
                self.complaints.push(format!(
                    "{} {target} ({status}): {finding}",
                    exchange.method
                ));
            }
        }
    }

    /// How often each method was called.
    #[must_use]
    pub fn methods(&self) -> &BTreeMap<&'static str, usize> {
        &self.methods
    }

    /// All that is wrong, one line each.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Fails a test in which something was wrong.
    ///
    /// # Panics
    /// When an exchange was not as the contract says, or could not be validated.
    pub fn assert_clean(&self) {
        assert!(
            self.complaints.is_empty() && self.unvalidated == 0,
            "{self}, {} findings:\n{}",
            self.complaints.len(),
            self.complaints.join("\n")
        );
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "contract: {} exchanges, {} methods, {} unvalidated",
            self.exchanges,
            self.methods.len(),
            self.unvalidated
        )
    }
}
