//! Drawn, in virtual time.

use super::TWO;
use anyscope::flow;
use futures_lite::StreamExt;
use support::simulated;

simulated! {
    /// Items of two sources come when they come.
    v17_marble_merge |sim| {
        let sources = [sim.marble("a-c--f-|"), sim.marble("-b-de-g|")];
        assert_eq!(sim.draw(flow::merge(sources).into_stream()).await, "abcdefg|");
        // The same with wakers of their own.
        let mut sources = vec![sim.marble("a-c--f-|"), sim.marble("-b-de-g|")];
        sources.extend((0..10).map(|_| sim.marble("--|")));
        assert_eq!(sim.draw(flow::merge(sources).into_stream()).await, "abcdefg|");
    }

    /// A merge until any ends, drawn.
    m7_marble_until_any_ends |sim| {
        let sources = [sim.marble("a-c--f-|"), sim.marble("-b-|")];
        let merge = flow::merge(sources).until_any_ends();
        assert_eq!(sim.draw(merge.into_stream()).await, "abc|");
    }

    /// A flatten of two at a time, drawn.
    m13_marble_flatten |sim| {
        let outer = sim.marble("ABC|");
        let open = |name| match name {
            'A' => sim.marble("a--a|"),
            'B' => sim.marble("-b---b|"),
            _ => sim.marble("c--c|"),
        };
        let flow = flow::stream(outer).flat_map(TWO, open);
        // C is asked for when A has ended, in second 4, and takes a second to come.
        assert_eq!(sim.draw(flow.into_stream()).await, "a-ba-cb-c|");
    }

    /// A switch, drawn.
    m21_marble_switch |sim| {
        let outer = sim.marble("A---B---|");
        let open = |name| match name {
            'A' => sim.marble("a-a-a-a-a|"),
            _ => sim.marble("b---b---b|"),
        };
        let flow = flow::stream(outer).switch_map(open);
        assert_eq!(sim.draw(flow.into_stream()).await, "a-a-b---b---b|");
    }

    /// A zip, drawn.
    m23_marble_zip |sim| {
        let pairs = flow::stream(sim.marble("a--b--c--d--|")).zip(sim.marble("1-2-----3|"));
        // Each waits for its partner before it is asked for more.
        let drawn = pairs.into_stream().map(|(letter, number)| format!("<{letter}{number}>"));
        assert_eq!(sim.draw(drawn).await, "<a1>--<b2>-----<c3>|");
    }
}
