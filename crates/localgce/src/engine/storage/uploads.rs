//! Uploads, in one request or resumable.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::body::Body;
use rusqlite::Connection;
use serde_json::Value;

use super::commit::{New, commit, make};
use super::content;
use super::content_range::ContentRange;
use crate::engine::{Draft, Engine};
use crate::error::Error;
use crate::store::objects::{self as store, Upload};

/// How far a resumable upload has come.
pub enum Progress {
    /// It is complete: its object.
    Whole(Value),
    /// How many bytes have arrived.
    Part(u64),
}

/// Receives a body into a draft.
pub async fn receive(engine: &Arc<Engine>, body: Body) -> Result<Draft, Error> {
    let draft = Draft::begin(engine)?;
    content::append(body, &draft.path()).await?;
    Ok(draft)
}

/// Turns a whole body into an object.
pub async fn whole(engine: &Arc<Engine>, body: Body, new: New) -> Result<Value, Error> {
    let draft = receive(engine, body).await?;
    commit(engine, draft, new).await
}

/// Turns a part of a received draft into an object.
pub async fn part(
    engine: &Arc<Engine>,
    received: Draft,
    part: Range<u64>,
    new: New,
) -> Result<Value, Error> {
    let draft = Draft::begin(engine)?;
    content::copy(&received.path(), part, &draft.path()).await?;
    drop(received);
    commit(engine, draft, new).await
}

/// Begins a resumable upload, and returns its id, which nobody can guess: whoever knows it may go on.
pub fn begin(engine: &Engine, new: New) -> Result<String, Error> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let upload = new.upload(id.clone());
    engine
        .store
        .transaction(|tx| store::insert_upload(tx, &id, &upload))?;
    Ok(id)
}

/// Receives one part of a resumable upload, or all of it if there is no range.
pub async fn resume(
    engine: Arc<Engine>,
    id: String,
    range: Option<ContentRange>,
    body: Body,
) -> Result<Progress, Error> {
    // A separate task goes on after the client has hung up, until all writes to the file are done. Only
    // then may the next request have its turn.
    let served = tokio::spawn(async move {
        let Some(_turn) = engine.sessions.enter(&id).await else {
            content::discard(body).await;
            return Err(busy());
        };
        let served = take_part(&engine, &id, range, body).await;
        if served.as_ref().is_err_and(Error::is_full) {
            // Free the space: the upload may never be completed.
            remove(&engine, &id)?;
        }
        served
    });
    served.await.map_err(anyhow::Error::from)?
}

/// Receives one part of a resumable upload. The caller has its turn.
async fn take_part(
    engine: &Arc<Engine>,
    id: &str,
    range: Option<ContentRange>,
    body: Body,
) -> Result<Progress, Error> {
    let upload = engine
        .store
        .transaction(|tx| store::upload(tx, id))?
        .ok_or_else(no_upload)?;
    // The client has missed the answer that the upload is complete.
    if let Some(object) = upload.object {
        content::discard(body).await;
        return Ok(Progress::Whole(object));
    }
    let file = engine.content_file(&upload.file);
    let there = content::length(&file);
    if let Some(first) = range.as_ref().map_or(Some(0), |range| range.first) {
        if first > there {
            content::discard(body).await;
            return Err(Error::field(
                "Content-Range",
                &first.to_string(),
                &format!("The upload has {there} bytes; ask for its state with bytes */*."),
            ));
        }
        // Bytes that are sent again replace those sent before.
        truncate(&file, first)?;
        content::append(body, &file).await?;
    }
    let there = content::length(&file);
    let whole = range.is_none_or(|range| range.total.is_some_and(|total| there >= total));
    if whole {
        return finish(engine, id, upload).await.map(Progress::Whole);
    }
    if there > 0 {
        tokio::task::spawn_blocking(move || content::sync(&file))
            .await
            .map_err(anyhow::Error::from)??;
    }
    Ok(Progress::Part(there))
}

fn truncate(file: &Path, length: u64) -> Result<(), Error> {
    let truncate = || {
        let options = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(file);
        options?.set_len(length)
    };
    Ok(truncate().context("resuming the upload")?)
}

/// Turns a complete upload into an object.
async fn finish(engine: &Arc<Engine>, id: &str, upload: Upload) -> Result<Value, Error> {
    let file = upload.file.clone();
    let settle = |tx: &Connection, object: &Value| store::finish_upload(tx, id, object);
    let made = make(engine, file, &upload.into(), settle).await;
    if made.is_err() {
        // A refused upload ends.
        remove(engine, id)?;
    }
    made
}

fn remove(engine: &Engine, id: &str) -> Result<(), Error> {
    engine
        .store
        .transaction(|tx| store::remove_upload(tx, id))?;
    engine.sweep();
    Ok(())
}

/// Cancels a resumable upload.
pub async fn cancel(engine: &Engine, id: &str) -> Result<(), Error> {
    let _turn = engine.sessions.enter(id).await.ok_or_else(busy)?;
    engine.store.transaction(|tx| {
        store::upload(tx, id)?
            .filter(|upload| upload.object.is_none())
            .ok_or_else(no_upload)?;
        Ok::<_, Error>(store::remove_upload(tx, id)?)
    })?;
    engine.sweep();
    Ok(())
}

/// Two requests at once in one session. Over gRPC Google aborts the other one; over JSON this is not
/// documented (<https://github.com/googleapis/google-cloud-cpp/pull/9263>). A 5xx tells the client that the
/// upload was interrupted, so that it asks how much has arrived
/// (<https://cloud.google.com/storage/docs/performing-resumable-uploads>).
fn busy() -> Error {
    Error::unavailable(
        "Another request to this upload is being served; ask for its state, and go on from there.",
    )
}

fn no_upload() -> Error {
    Error::missing("No such upload: it is done, or never was.")
}
