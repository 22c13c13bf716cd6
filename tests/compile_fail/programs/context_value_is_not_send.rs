//! Children on other threads see the values of a context.

use anyscope::context::Context;
use std::rc::Rc;

fn main() {
    let _ = Context::new().with(Rc::new(7));
}
