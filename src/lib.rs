//! clawbake.
