//! The macro that makes tests of the functions.

/// Makes a test of each obligation of an executor; see the [crate](crate).
///
/// # Examples
///
/// See the [crate](crate).
#[macro_export]
macro_rules! suite {
    ($adapter:ty $(: $($more:ident),* $(,)?)?) => {
        $crate::suite! { @spawn $adapter }
        $crate::suite! { @wakes $adapter }
        $crate::suite! { @ends $adapter }
        $crate::suite! { @block $adapter }
        $crate::suite! { @library $adapter }
        $($($crate::suite! { @$more $adapter })*)?
    };
    (@spawn $adapter:ty) => {
        $crate::suite! { @module spawn $adapter:
            children_run_to_their_end, a_child_runs_though_nobody_awaits_it, spawn_does_not_poll,
            children_spawn_children, children_come_from_other_threads, many_children,
        }
    };
    (@wakes $adapter:ty) => {
        $crate::suite! { @module wakes $adapter:
            a_wake_from_another_thread, a_wake_in_the_poll, no_wake_is_lost_in_a_storm,
            a_wake_does_not_poll, a_waker_that_outlives_its_child,
        }
    };
    (@ends $adapter:ty) => {
        $crate::suite! { @module ends $adapter:
            a_panic_stays_in_its_child, a_cancel_drops_who_waits, a_dropped_scope_drops_who_waits,
            a_destructor_that_spawns, a_child_that_is_cancelled_while_it_runs,
        }
    };
    (@block $adapter:ty) => {
        $crate::suite! { @module block $adapter:
            block_on_returns_the_output, block_on_is_woken_from_elsewhere, block_on_again,
            block_on_inside_itself_panics,
        }
    };
    (@library $adapter:ty) => {
        $crate::suite! { @module library $adapter:
            a_limited_scope_is_exact, bounded_work_on_the_executor, outcomes_in_order,
            an_owned_scope,
        }
    };
    (@owner $adapter:ty) => {
        $crate::suite! { @module owner $adapter: children_that_borrow, }
    };
    (@shutdown $adapter:ty) => {
        $crate::suite! { @module shutdown $adapter:
            children_go_with_their_executor, children_are_refused_afterwards,
            a_waker_that_outlives_the_executor,
        }
    };
    (@blocking $adapter:ty) => {
        $crate::suite! { @module blocking $adapter:
            closures_return, closures_do_not_hold_up_children, a_closure_that_panics, many_closures,
        }
    };
    (@time $adapter:ty) => {
        $crate::suite! { @module time $adapter:
            no_sleep_is_short, no_time_at_all, sleeps_end_in_order, the_longest_sleep,
            many_sleeps, a_time_limit, the_clock_does_not_go_back,
        }
    };
    (@module $module:ident $adapter:ty: $($test:ident,)*) => {
        mod $module {
            use super::*;

            $(
                #[test]
                fn $test() {
                    $crate::$module::$test::<$adapter>();
                }
            )*
        }
    };
    (@$unknown:ident $adapter:ty) => {
        compile_error!(concat!("`", stringify!($unknown), "` is none of `owner`, `shutdown`, `blocking`, `time`"));
    };
}
