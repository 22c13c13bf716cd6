//! What is told to workers.

use super::Line;
use crate::{
    connection::{Home, Stop, next},
    error::unavailable,
    handle::Core,
};
use anyscope_remote::{
    EngineError, ErrorKind,
    engine::{JobId, Signal},
};
use futures_core::Stream;
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

impl Line {
    pub(crate) async fn signal(
        &self,
        core: &Core,
        job: &JobId,
        signal: Signal,
    ) -> Result<(), EngineError> {
        let what = match signal {
            Signal::Cancel => CANCEL,
            _ => return Err(EngineError::new(ErrorKind::Other, "a signal that is not known here")),
        };
        let payload = format!("{what} {job}");
        let told = core.connection.client.publish(self.names.subject("signal"), payload.into());
        told.await.map_err(|error| unavailable(error.to_string()))
    }

    async fn hear(&self, core: &Core, signals: &mpsc::Sender<Heard>) -> Result<(), EngineError> {
        let told = core.connection.client.subscribe(self.names.subject("signal")).await;
        let mut told = told.map_err(|error| unavailable(error.to_string()))?;
        loop {
            let Some(message) = next(&mut told).await else {
                return Err(unavailable("the connection is closed"));
            };
            let text = std::str::from_utf8(&message.payload).ok();
            // What later versions say is not for us.
            if let Some((CANCEL, job)) = text.and_then(|text| text.split_once(' '))
                && let Ok(job) = JobId::parse(job)
            {
                // Too slow to hear all of them: the worker hears of it when it extends its leases.
                let _ = signals.try_send(Ok((job, Signal::Cancel)));
            }
        }
    }
}

const CANCEL: &str = "cancel";

/// How many signals wait for whoever reads them.
const INBOX: usize = 4096;

type Heard = Result<(JobId, Signal), EngineError>;

/// The signals to the jobs of a queue.
pub(crate) struct Signals {
    heard: mpsc::Receiver<Heard>,
    _stop: Stop,
}

impl Signals {
    pub(crate) fn new(line: Arc<Line>, core: Arc<Core>, home: &Home) -> Self {
        let (send, heard) = mpsc::channel(INBOX);
        let task = home.handle.spawn(async move {
            if let Err(error) = line.hear(&core, &send).await {
                let _ = send.send(Err(error)).await;
            }
        });
        Signals { heard, _stop: Stop(task.abort_handle()) }
    }
}

impl Stream for Signals {
    type Item = Heard;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.heard.poll_recv(cx)
    }
}
