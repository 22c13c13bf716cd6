use anyscope::{LiveLimit, flow};

fn main() {
    let workers: u32 = 10;
    let _ = flow::iter([1]).map_concurrent(workers, async |n| n);
    let _ = flow::iter([1]).for_each_concurrent("10", async |_| ());
    let _ = flow::iter([1]).prefetch(LiveLimit::new(10));
}
