//! Somebody between clients and JetStream, who sees what is asked.

use async_nats::Client;
use futures_core::Stream;
use serde_json::Value;
use std::{future::poll_fn, pin::Pin};

/// What becomes of a request.
pub(crate) enum Becomes {
    PassedOn,
    Lost,
    Answered(&'static str),
    /// It is passed on; this changes the answer, unless that is an error.
    Changed(fn(&mut Value)),
}

/// Passes requests to this domain of JetStream on to the one that is there, as `see` says of what is asked and with what, until the runtime ends.
pub(crate) async fn between(
    client: &Client,
    domain: &str,
    mut see: impl FnMut(&str, &str) -> Becomes + Send + 'static,
) {
    let begin = format!("$JS.{domain}.API.");
    let (client, mut requests) =
        (client.clone(), client.subscribe(format!("{begin}>")).await.unwrap());
    tokio::spawn(async move {
        while let Some(request) = poll_fn(|cx| Pin::new(&mut requests).poll_next(cx)).await {
            let what = request.subject.strip_prefix(&*begin).unwrap();
            let becomes = see(what, &String::from_utf8_lossy(&request.payload));
            let (subject, reply) = (format!("$JS.API.{what}"), request.reply.unwrap());
            match becomes {
                Becomes::Lost => {}
                Becomes::Answered(answer) => client.publish(reply, answer.into()).await.unwrap(),
                Becomes::Changed(change) => {
                    let answer = client.request(subject, request.payload).await.unwrap();
                    let mut answer: Value = serde_json::from_slice(&answer.payload).unwrap();
                    if answer.get("error").is_none() {
                        change(&mut answer);
                    }
                    client.publish(reply, answer.to_string().into()).await.unwrap();
                }
                Becomes::PassedOn => {
                    let (headers, payload) = (request.headers.unwrap_or_default(), request.payload);
                    let passed =
                        client.publish_with_reply_and_headers(subject, reply, headers, payload);
                    passed.await.unwrap();
                }
            }
        }
    });
}
