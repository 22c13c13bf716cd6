//! The page in a browser, as it is after its scripts have run. `ci/page.sh` installs the browser, and runs these.

use crate::client::{circle_in, scope_in};
use anyscope::{
    BlockOn,
    observe::{labelled, tree::Tree},
    smol::Smol,
};
use anyscope_serve::{Server, Serving};
use std::{
    env, fs,
    future::pending,
    process::{self, Command, Stdio},
};
use support::{until, yields};

/// Returns the document at this place of the page, as HTML.
fn open(serving: &Serving, hash: &str) -> String {
    let browser = env::var("ANYSCOPE_BROWSER").unwrap_or("chromium".into());
    let data = env::temp_dir().join(format!("anyscope-browser-{}-{}", process::id(), hash.len()));
    let output = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", data.display()))
        .arg(format!("{serving}{hash}"))
        .stderr(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{browser}: {error}; ci/page.sh installs it"));
    let _ = fs::remove_dir_all(data);
    assert!(output.status.success(), "{browser} has failed");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the rows that are shown: the text of the first cell of each.
fn rows(page: &str) -> Vec<String> {
    let body = page.split("<tbody id=\"rows\">").nth(1).unwrap().split("</tbody>").next().unwrap();
    body.split("<tr").skip(1).map(|row| text(row.split("<td").nth(1).unwrap())).collect()
}

/// Returns what is read of a piece of HTML that begins in a tag.
fn text(html: &str) -> String {
    let parts = html.split('>').skip(1).map(|part| part.split('<').next().unwrap());
    let text: String = parts.collect();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&")
}

/// A program with names that a page must not obey.
fn program(tree: &Tree) -> impl Sized {
    let scope = scope_in(tree);
    let feed = scope.spawn_named("feed", labelled("the network", pending::<()>()));
    scope.spawn_named("reader", async move { feed.await.is_ok() });
    scope.spawn_named("<script>document.title = 'pwned'</script>", pending::<()>());
    scope.spawn_named("<img src=x onerror=this.remove()>\u{1b}[31m\u{202e}", pending::<()>());
    scope.spawn_named("m".repeat(1 << 20), pending::<()>());
    scope.spawn_named("often polled", async {
        yields(50).await;
        pending::<()>().await
    });
    Smol.block_on(until(|| {
        let now = tree.snapshot();
        now.children().all(|child| child.polls > 0) && now.children().any(|child| child.polls > 50)
    }));
    scope
}

/// Given the page, then it shows the tree, with names as text whatever they are, and who waits for what.
#[test]
#[ignore = "needs a browser: ci/page.sh"]
fn o80_the_page_shows_the_tree() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let _program = program(&tree);
    let page = open(&serving, "");
    let rows = rows(&page);
    assert_eq!(rows.len(), 7, "{page}");
    assert_eq!((&*rows[1], &*rows[2]), ("#0 feed", "#1 reader"));
    assert_eq!(rows[3], "#2 <script>document.title = 'pwned'</script>");
    assert_eq!(rows[4], "#3 <img src=x onerror=this.remove()>\u{fffd}[31m\u{fffd}");
    assert_eq!(rows[5], format!("#4 {}…", "m".repeat(120)));
    assert_eq!(page.matches("<script").count(), 1, "its own");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<img"), "{page}");
    let title = page.split("<title>").nth(1).unwrap().split('<').next().unwrap();
    assert!(title.starts_with("serve-") && title.ends_with(" – anyscope"), "{title}");
    assert!(page.contains("<td>the network</td>"), "{page}");
    assert!(page.contains("<td>child `feed`, spawned at tests/serve/browser.rs:"), "{page}");
    assert!(page.contains("1 scopes, 6 children, for "), "{page}");
    assert!(page.contains(r#"<span id="status" role="status" class="dim">live</span>"#), "{page}");
}

/// Given a filter, an order, a row that is looked into or one that is selected, in the address, then the page shows that.
#[test]
#[ignore = "needs a browser: ci/page.sh"]
fn o81_the_page_filters_sorts_and_goes_into() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let _program = program(&tree);
    let snapshot = tree.snapshot();
    let scope = &snapshot.scopes[0];

    let filtered = rows(&open(&serving, "#filter=the+NETWORK"));
    assert_eq!(filtered.len(), 2, "what is found, and what it is in: {filtered:?}");
    assert_eq!(filtered[1], "#0 feed");
    assert_eq!(rows(&open(&serving, "#filter=nobody")), ["nothing is found"]);
    let sorted = rows(&open(&serving, "#sort=polls"));
    assert!(sorted[0].starts_with("#5 often polled in "), "{sorted:?}");
    assert_eq!(sorted.len(), 7);
    let focus = open(&serving, &format!("#focus={}%2F%231", scope.number));
    assert_eq!(rows(&focus), ["#1 reader"]);
    let detail = open(&serving, &format!("#selected={}%2F%230", scope.number));
    let aside = detail.split("<aside").nth(1).unwrap().split("</aside>").next().unwrap();
    let aside = text(aside);
    assert!(
        aside.contains("waits forthe network") && aside.contains("is waited for by#1 reader"),
        "{aside}"
    );
    assert!(aside.contains("stateWaiting"), "{aside}");
}

/// Given children that wait for each other, then the page names them in front of everything.
#[test]
#[ignore = "needs a browser: ci/page.sh"]
fn o82_the_page_names_a_circle() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let _scope = circle_in(&tree, "<b>first</b>");
    let page = open(&serving, "");
    let verdict = page.split("<section id=\"verdict\">").nth(1).expect("a verdict, not hidden");
    let verdict = text(&format!(">{}", verdict.split("</section>").next().unwrap()));
    assert!(verdict.starts_with("Each waits for the next, for ever:"), "{verdict}");
    assert!(verdict.contains("child `<b>first</b>`, spawned at"), "{verdict}");
    assert!(verdict.contains("waits for child `second`"), "{verdict}");
}

/// Given more children than are sent, and more rows than a page can show, then it shows the first, and says how many there are.
#[test]
#[ignore = "needs a browser: ci/page.sh"]
fn o83_the_page_cuts_large_trees() {
    let tree = Tree::new();
    let serving = Server::new(&tree).tcp("127.0.0.1:0").unwrap();
    let scope = scope_in(&tree);
    for _ in 0..1_200 {
        scope.spawn(pending::<()>());
    }
    let page = open(&serving, "");
    let rows = rows(&page);
    assert_eq!(rows.len(), 501);
    assert!(rows[0].ends_with("and 200 more in it"), "{}", rows[0]);
    assert_eq!(rows[500], "and 501 more: use the filter");
    assert!(page.contains("1 scopes, 1000 children, 200 more are not sent"), "{page}");
}
