use anyscope::{block_scope, threads::ThreadPool};

fn main() {
    let pool = ThreadPool::new(1);
    block_scope(&pool.handle(), async |_| {});
}
