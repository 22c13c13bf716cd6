use anyscope::{smol::Smol, try_scope};

pub async fn f() {
    let _ = try_scope(&Smol, async |s| -> Result<(), String> {
        s.spawn(async { 7 });
        Ok(())
    })
    .await;
}

fn main() {}
