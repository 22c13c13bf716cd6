use anyscope::{Limit, flow};

fn main() {
    let mut sum = 0;
    // All of the work would have `sum` at the same time.
    let _ = flow::iter([1, 2]).for_each_concurrent(Limit::new(2), async |n| sum += n);
}
