//! Models of one call that is left and taken over.

use super::flight::Flight;
use crate::{
    model::{block_on, check, spawn},
    sync::Arc,
};

/// Waits as one who asks does: for a value, or for a call that nobody makes.
fn value_or_lead(flight: &Flight<u8, u8>) -> Option<u8> {
    block_on(async {
        let mut listener = None;
        loop {
            if let Some(value) = flight.value() {
                return Some(*value);
            }
            if flight.lead() {
                return None;
            }
            match listener.take() {
                None => listener = Some(flight.listen()),
                Some(listener) => listener.await,
            }
        }
    })
}

/// Who makes the call leaves it, or has it return, while two wait: each has a value in the end, and there is
/// one who makes it at any time.
#[test]
fn who_waits_takes_over_or_is_told() {
    check("who waits takes over or is told", || {
        let flight = Arc::new(Flight::new(0_u8));
        assert!(flight.lead());
        let waits = {
            let flight = flight.clone();
            spawn(move || match value_or_lead(&flight) {
                Some(value) => value,
                None => {
                    flight.finish(2);
                    2
                }
            })
        };
        flight.give_up();
        let value = match value_or_lead(&flight) {
            Some(value) => value,
            None => {
                flight.finish(1);
                1
            }
        };
        assert_eq!(waits.join(), value);
    });
}
