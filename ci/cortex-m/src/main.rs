//! Scopes and flow without `std`, on a processor without an operating system.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::{rc::Rc, vec::Vec};
use anyscope_core::{Child, Limit, ScopeError, Spawn, concurrent, flow, scope, try_scope};
use core::{
    cell::{Cell, RefCell},
    future::{Future, pending},
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use cortex_m as _;
use cortex_m_semihosting::{debug, hprintln};
use embedded_alloc::LlffHeap;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    exit(debug::EXIT_FAILURE)
}

fn exit(code: debug::ExitStatus) -> ! {
    loop {
        debug::exit(code);
    }
}

/// A list of children that are polled in turns.
#[derive(Clone, Default)]
struct Turns(Rc<RefCell<Vec<Child>>>);

impl Spawn for Turns {
    fn spawn(&self, child: Child) {
        self.0.borrow_mut().push(child);
    }
}

impl Turns {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            for mut child in self.0.take() {
                if Pin::new(&mut child).poll(&mut cx).is_pending() {
                    self.0.borrow_mut().push(child);
                }
            }
        }
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    const SIZE: usize = 32 * 1024;
    static mut MEMORY: [MaybeUninit<u8>; SIZE] = [MaybeUninit::uninit(); SIZE];
    // SAFETY: once, and nobody else uses the memory.
    unsafe { HEAP.init(&raw mut MEMORY as usize, SIZE) };

    let exec = Turns::default();
    let sum = exec.block_on(scope(&exec, async |s| {
        let handles: Vec<_> = (0..20).map(|n| s.spawn(async move { n })).collect();
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    }));
    assert_eq!(sum, 190);

    let words = ["to", "be", "or"];
    let letters = exec.block_on(concurrent(async |s| {
        let lengths = words.each_ref().map(|word| s.spawn(async move { word.len() }));
        let mut letters = 0;
        for length in lengths {
            letters += length.value().await;
        }
        letters
    }));
    assert_eq!(letters, 6);

    let failed: Result<(), ScopeError<&str>> = exec.block_on(try_scope(&exec, async |s| {
        drop(s.spawn(async { Err::<(), _>("failed") }));
        pending().await
    }));
    assert_eq!(failed.unwrap_err().into_first(), Some("failed"));

    let total = Cell::new(0);
    let add = async |n| total.set(total.get() + n);
    exec.block_on(flow::iter(0..1000).for_each(Limit::new(4), add));
    assert_eq!(total.get(), 499_500);

    hprintln!("all is well on a Cortex-M4");
    exit(debug::EXIT_SUCCESS)
}
