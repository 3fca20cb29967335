use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use contract::{Exchange, Record, Tally};

/// What has passed, checked and counted.
pub(crate) struct Ledger {
    record: Arc<Record>,
    tally: Mutex<Tally>,
    under_way: AtomicUsize,
}

impl Ledger {
    pub fn new(suite: &str) -> Self {
        Self {
            record: contract::record(suite),
            tally: Mutex::new(Tally::default()),
            under_way: AtomicUsize::new(0),
        }
    }

    pub fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
    }

    /// Checks an exchange, counts it and writes it down.
    pub fn end(&self, exchange: &Exchange, fault: Option<&str>) {
        let verdicts = contract::check(exchange);
        self.tally.lock().unwrap().add(exchange, &verdicts);
        self.record.add(exchange, &verdicts, fault);
        self.under_way.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether every exchange has ended.
    pub fn is_quiet(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
    }

    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }
}
