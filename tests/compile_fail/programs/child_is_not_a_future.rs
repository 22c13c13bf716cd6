use anyscope::concurrent;

async fn child() {}

fn main() {
    concurrent(async |s| {
        s.spawn(child);
    });
}
