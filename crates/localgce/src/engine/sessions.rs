//! Resumable uploads: each serves one request at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// How long a request waits for its turn: the rest of a broken connection is read within this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lock for each session, by the session's id.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<String, Arc<Turn<()>>>>);

impl Sessions {
    /// Locks a session for one request, until the guard is dropped. `None` if another request holds it.
    pub async fn enter(&self, id: &str) -> Option<OwnedMutexGuard<()>> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(id.to_owned()).or_default())
        };
        tokio::time::timeout(PATIENCE, turn.lock_owned()).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_one_requests_at_a_time() {
        let sessions = Sessions::default();
        let first = sessions.enter("a").await.expect("nobody is there");
        assert!(sessions.enter("a").await.is_none());
        assert!(sessions.enter("b").await.is_some());
        drop(first);
        assert!(sessions.enter("a").await.is_some());
        assert!(sessions.enter("c").await.is_some());
        let left = sessions.0.lock().map_or(0, |turns| turns.len());
        assert_eq!(left, 1, "sessions that are over take no room");
    }
}
