use anyscope::Limit;

const NONE: Limit = Limit::new(0);

fn main() {
    drop(NONE);
}
