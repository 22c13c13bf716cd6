//! How the thread waits: for what it is asked, and for other processes to write.
//!
//! Nobody tells of another process, so the thread looks now and then. On Linux the system tells when the log is written to; then it looks often while somebody
//! writes, and seldom while nobody does.

use crate::{
    thread::Message,
    watch::{Bell, Watch},
};
use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

pub(crate) struct Lookout {
    watch: Option<Watch>,
    /// For how many looks nobody has written.
    quiet: u32,
    /// The system tells of the next write.
    armed: bool,
}

impl Lookout {
    /// Also returns what is to be rung by whoever has sent a message, or has dropped the last sender.
    pub(crate) fn new(database: Option<&Path>) -> (Self, Bell) {
        let (watch, bell) = Watch::new(database);
        (Lookout { watch, quiet: 0, armed: false }, bell)
    }

    /// Waits for a message until it is time to look, but no longer than `at_most`.
    pub(crate) fn wait(
        &mut self,
        inbox: &Receiver<Message>,
        at_most: Duration,
    ) -> Result<Message, RecvTimeoutError> {
        let pace = pace(self.quiet, self.armed).min(at_most);
        match &mut self.watch {
            Some(watch) if self.armed => {
                let heard = watch.wait(inbox, pace);
                if heard.written {
                    // It can be seen when it is committed, so from now on we look often.
                    (self.quiet, self.armed) = (0, false);
                }
                heard.message
            }
            _ => inbox.recv_timeout(pace),
        }
    }

    /// To be called before each look: what is written after it is told of, and what was written before it is seen.
    pub(crate) fn before_look(&mut self) {
        if self.quiet >= QUIET && !self.armed {
            self.armed = self.watch.as_mut().is_some_and(Watch::arm);
        }
    }

    /// To be called after each look.
    pub(crate) fn looked(&mut self, changed: bool) {
        if changed {
            // The watch may stay armed: it is armed anew before it is waited for again.
            (self.quiet, self.armed) = (0, false);
        } else {
            self.quiet = self.quiet.saturating_add(1);
        }
    }
}

/// After so many looks nobody is taken to be writing.
const QUIET: u32 = 8;

/// How long until the next look.
fn pace(quiet: u32, armed: bool) -> Duration {
    Duration::from_millis(match quiet {
        0 => 1,
        1 => 2,
        2..QUIET => 4,
        // What was told of, but took longer to be committed, is seen then.
        _ if armed => 100,
        _ => 20,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Given that nobody writes, then it is looked for seldom; when somebody does, at once often.
    #[test]
    fn j110_it_is_looked_often_while_somebody_writes() {
        let (mut lookout, _bell) = Lookout::new(None);
        let mut paces = Vec::new();
        for changed in [false, false, false, false, false, false, false, false, false, true, false]
        {
            paces.push(pace(lookout.quiet, lookout.armed).as_millis());
            lookout.before_look();
            lookout.looked(changed);
        }
        assert_eq!(paces, [1, 2, 4, 4, 4, 4, 4, 4, 20, 20, 1]);
        assert_eq!(pace(9, true).as_millis(), 100);
    }
}
