use anyscope::{LiveLimit, flow};

fn main() {
    let workers: u32 = 10;
    let _ = flow::iter([1]).map(workers, async |n| n);
    let _ = flow::iter([1]).for_each("10", async |_| ());
    let _ = flow::iter([1]).buffer(LiveLimit::new(10));
}
