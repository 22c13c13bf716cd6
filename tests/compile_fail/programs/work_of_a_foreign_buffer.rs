use anyscope::{Limit, flow};
use futures_util::StreamExt;

fn main() {
    tokio::spawn(async {
        let names = [String::from("ann")];
        // Use `flow::iter(names.iter()).map_concurrent(limit, ..)` instead.
        let lengths = futures_util::stream::iter(names.iter())
            .map(|name| async move { name.len() })
            .buffer_unordered(2);
        flow::stream(lengths).for_each_concurrent(Limit::new(2), async |_| ()).await;
    });
}
