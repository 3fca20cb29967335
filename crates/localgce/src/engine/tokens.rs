//! Access tokens: the owner's, and the short-lived ones of service accounts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Bound;
use crate::metadata::AccessToken;

/// The lifetime of Google's tokens.
const LIFE: Duration = Duration::from_hours(1);

/// A token is no longer given out this close to its expiry, as on Google's metadata server.
const MARGIN: Duration = Duration::from_mins(5);

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Has the token of `endpoint.json`.
    Owner,
    /// Has a token of a service account, given by its email: a VM that got it from its metadata server, or
    /// somebody who acts as the account.
    ServiceAccount(String),
}

impl Caller {
    fn is(&self, email: &str) -> bool {
        matches!(self, Self::ServiceAccount(own) if own == email)
    }
}

/// Tokens and their owners.
pub struct Tokens {
    owner: String,
    issued: Mutex<HashMap<String, Issued>>,
}

struct Issued {
    holder: Caller,
    bound: Option<Bound>,
    end: Instant,
}

impl Tokens {
    pub(super) fn new(owner: String) -> Self {
        Self {
            owner,
            issued: Mutex::default(),
        }
    }

    /// Finds the owner of a token, and how far the token goes if it is bound.
    pub fn caller(&self, token: &str) -> Option<(Caller, Option<Bound>)> {
        if token == self.owner {
            return Some((Caller::Owner, None));
        }
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let token = issued
            .get(token)
            .filter(|token| token.end > Instant::now())?;
        Some((token.holder.clone(), token.bound.clone()))
    }

    /// Gives out a token of the holder of another one, which goes no further than this.
    pub fn bind(&self, holder: Caller, bound: Bound) -> AccessToken {
        let (token, now) = (random(), Instant::now());
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, token| token.end > now);
        let bound = Issued {
            holder,
            bound: Some(bound),
            end: now + LIFE,
        };
        issued.insert(token.clone(), bound);
        AccessToken {
            access_token: token,
            expires_in: LIFE.as_secs(),
        }
    }

    /// Gives out a token of a service account.
    pub fn issue(&self, email: &str) -> AccessToken {
        let now = Instant::now();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, token| token.end > now);
        let fresh = issued
            .iter()
            .find(|(_, token)| {
                token.holder.is(email) && token.bound.is_none() && token.end > now + MARGIN
            })
            .map(|(token, issued)| (token.clone(), issued.end));
        let (access_token, end) = fresh.unwrap_or_else(|| {
            let (token, end) = (random(), now + LIFE);
            issued.insert(
                token.clone(),
                Issued {
                    holder: Caller::ServiceAccount(email.into()),
                    bound: None,
                    end,
                },
            );
            (token, end)
        });
        AccessToken {
            access_token,
            expires_in: (end - now).as_secs(),
        }
    }
}

/// A token that nobody can guess: 244 random bits.
pub fn random() -> String {
    let half = || uuid::Uuid::new_v4().simple();
    format!("ya29.{}{}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::{Caller, Tokens};

    #[test]
    fn a_token_is_its_accounts_and_nobody_elses() {
        let tokens = Tokens::new("owner".into());
        let (a, b) = (tokens.issue("a"), tokens.issue("b"));
        let caller = |token: &str| tokens.caller(token).map(|(caller, _)| caller);
        let account = |email: &str| Some(Caller::ServiceAccount(email.into()));
        assert_eq!(caller("owner"), Some(Caller::Owner));
        assert_eq!(caller(&a.access_token), account("a"));
        assert_eq!(caller(&b.access_token), account("b"));
        assert_eq!(tokens.caller(""), None);
        assert_eq!(tokens.issue("a").access_token, a.access_token);
    }
}
