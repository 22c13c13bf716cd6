//! Scopes, flow and fixed-capacity sets without `std`, on a processor without an operating system.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::{rc::Rc, vec::Vec};
use anyscope_core::{
    Child, FixedFutureSet, FixedStreamSet, Limit, ScopeError, Spawn, WakeSlots, concurrent, flow,
    scope, try_scope,
};
use core::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn},
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};
use cortex_m::{interrupt, peripheral::SCB};
use cortex_m_semihosting::{debug, hprintln};
use embedded_alloc::LlffHeap;
use futures_core::Stream;

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

/// Who waits for the interrupt.
static WAITING: interrupt::Mutex<RefCell<Option<Waker>>> =
    interrupt::Mutex::new(RefCell::new(None));

#[cortex_m_rt::exception]
fn PendSV() {
    if let Some(waker) = interrupt::free(|cs| WAITING.borrow(cs).take()) {
        waker.wake();
    }
}

/// Waits for the interrupt, and says how often it was polled.
async fn interrupted() -> usize {
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        if polls > 1 {
            return Poll::Ready(polls);
        }
        interrupt::free(|cs| WAITING.borrow(cs).replace(Some(cx.waker().clone())));
        Poll::Pending
    })
    .await
}

/// The sets that need no allocator.
fn fixed_sets() {
    static SLOTS: WakeSlots<1> = WakeSlots::new();
    let mut cx = Context::from_waker(Waker::noop());

    let mut set = pin!(FixedFutureSet::<_, 32>::new(&SLOTS).unwrap());
    while set.as_mut().try_push(interrupted()).is_ok() {}
    // The last to be polled is the one that waits; the others are idle.
    assert!(set.as_mut().poll_next(&mut cx).is_pending());
    assert!(set.as_mut().poll_next(&mut cx).is_pending());
    SCB::set_pendsv();
    cortex_m::asm::isb();
    assert_eq!(set.as_mut().poll_next(&mut cx), Poll::Ready(Some(2)));
    assert!(set.as_mut().poll_next(&mut cx).is_pending());
    assert_eq!((set.len(), SLOTS.free()), (31, 0));

    // There is no other slot.
    let mut set = pin!(FixedStreamSet::<_, 3>::new(&SLOTS).unwrap());
    assert!(set.shares_waker());
    for last in 1..=3 {
        set.as_mut().try_push(flow::iter(0..=last).into_stream()).ok().unwrap();
    }
    let mut sum = 0;
    while let Poll::Ready(Some(n)) = set.as_mut().poll_next(&mut cx) {
        sum += n;
    }
    assert_eq!((sum, set.is_empty()), (1 + 3 + 6, true));
}

#[cortex_m_rt::entry]
fn main() -> ! {
    fixed_sets();

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
    exec.block_on(flow::iter(0..1000).for_each_concurrent(Limit::new(4), add));
    assert_eq!(total.get(), 499_500);

    hprintln!("all is well on a Cortex-M4");
    exit(debug::EXIT_SUCCESS)
}
