use anyscope::{Limit, flow};
use std::rc::Rc;

fn main() {
    tokio::spawn(async {
        let names = ["ann", "bob"];
        flow::iter(names.iter())
            .for_each_concurrent(Limit::new(2), async |name| {
                let name = Rc::new(name);
                std::future::ready(()).await;
                drop(name);
            })
            .await;
    });
}
