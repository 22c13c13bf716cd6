//! The work that is traced. It knows nothing of OpenTelemetry.

use anyscope::{Executor, ScopeError, resilience::retry, scope, timeout, try_scope};
use std::{future::pending, time::Duration};
use tracing::{Instrument, info, info_span};

const MOMENT: Duration = Duration::from_millis(5);

/// Prices an order of three articles, whose prices are fetched side by side.
pub(crate) async fn order<E: Executor + 'static>(exec: &E) -> Result<u32, ScopeError<String>> {
    let timer = exec.clone();
    let order = try_scope(exec, async |s| {
        let prices: Vec<_> = ["tea", "milk", "bread"]
            .map(|article| s.spawn_named(article, fetch(timer.clone(), article)))
            .into();
        s.spawn_named("audit", audit(timer));
        let mut sum = 0;
        for price in prices {
            sum += price.value().await;
        }
        Ok(sum)
    });
    order.instrument(info_span!("order", customer = 42)).await
}

/// Asks for a price; the first answer about milk is an error.
async fn fetch<E: Executor + 'static>(timer: E, article: &'static str) -> Result<u32, String> {
    let mut is_down = article == "milk";
    let ask = || {
        let is_down = std::mem::take(&mut is_down);
        let timer = timer.clone();
        async move {
            timer.sleep(MOMENT).await;
            if is_down { Err("busy".to_owned()) } else { Ok(article.len() as u32) }
        }
    };
    let price = retry(&timer, [MOMENT], ask).await.map_err(|error| error.to_string())?;
    info!(price, "has a price");
    Ok(price)
}

/// Works in a scope of its own, for as long as it may.
async fn audit<E: Executor + 'static>(exec: E) -> Result<(), String> {
    let all = scope(&exec, async |s| drop(s.spawn_named("all orders", pending::<()>())));
    if timeout(&exec, MOMENT, all).await.is_err() {
        info!("no time for all of it");
    }
    Ok(())
}
