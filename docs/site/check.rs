//! The page of docs/site, as it is built: whether all that it links to and loads is there, and how it is in a browser.
#![cfg(unix)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

/// Where the page links to for files of this repository.
const REPOSITORY: &str = "https://github.com/anyscope/anyscope/blob/main/";

/// A page that is built, in a folder that is gone when this is.
struct Site(PathBuf);

impl Site {
    fn build(name: &str) -> Self {
        let folder = format!("anyscope-site-{name}-{}", process::id());
        let site = Site(env::temp_dir().join(folder));
        let examples = Path::new(env!("CARGO_BIN_EXE_hang")).parent().unwrap();
        let built = Command::new(root().join("docs/site/build.sh"))
            .arg(&site.0)
            .env("ANYSCOPE_EXAMPLES", examples)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        site
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Returns the values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let begin = format!(" {attribute}=\"");
    page.split(&*begin).skip(1).map(|after| after.split('"').next().unwrap()).collect()
}

/// Given the page, then what it links to is there, in its folder, in the page, or in the repository.
#[test]
fn links_lead_somewhere() {
    let site = Site::build("links");
    let page = site.read("index.html");
    let ids = values(&page, "id");
    let leads = |link: &&str| match (link.strip_prefix('#'), link.strip_prefix(REPOSITORY)) {
        (Some(id), _) => ids.contains(&id),
        (_, Some(path)) => root().join(path).is_file(),
        _ => *link == "data:," || site.0.join(link).is_file(),
    };
    let links = [values(&page, "href"), values(&page, "src")].concat();
    assert!(links.len() > 20, "only {links:?}");
    let broken: Vec<_> = links.iter().filter(|link| !leads(link)).collect();
    assert!(broken.is_empty(), "lead nowhere: {broken:?}");
    let labels = [values(&page, "aria-labelledby"), values(&page, "for")].concat();
    assert!(labels.iter().all(|id| ids.contains(id)), "{labels:?}, of {ids:?}");
}

/// Given the page, then it loads nothing of other hosts, and every image has a text in its place.
#[test]
fn nothing_of_other_hosts_is_loaded() {
    let site = Site::build("hosts");
    let page = site.read("index.html");
    let loads = values(&page, "src").into_iter().chain(
        page.split("<link ")
            .skip(1)
            .flat_map(|link| values(link.split('>').next().unwrap(), "href")),
    );
    let foreign: Vec<_> = loads.filter(|link| link.contains("//")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    for file in ["style.css", "snooze.js"] {
        let text = site.read(file);
        assert!(
            !text.contains("http") && !text.contains("url(") && !text.contains("@import"),
            "{file}"
        );
    }
    let texts = values(&page, "alt").into_iter().filter(|alt| !alt.is_empty()).count();
    assert_eq!(texts, page.matches("<img ").count());
}

/// Tells the page around it how wide it is, how wide what it shows is, what was drawn, and what went wrong.
const PROBE: &str = r##"<script>
const wrong = [];
addEventListener("error", (event) => wrong.push(event.message || `cannot load ${event.target.src || event.target.href}`), true);
addEventListener("load", () => setTimeout(() => {
  document.getElementById("play").click();
  const rows = document.querySelectorAll("#loops .row").length;
  const wide = document.documentElement.scrollWidth;
  parent.postMessage(`${innerWidth} wide, shows ${wide}, ${rows} rows, wrong: ${wrong}`, "*");
}, 300));
</script>"##;

/// Given a wide window and a narrow one, then the page does not scroll sideways, its script draws both loops, and
/// nothing fails or is missing.
#[test]
#[ignore = "needs a browser: ci/page.sh"]
fn it_fits_wide_and_narrow_windows() {
    let site = Site::build("browser");
    let page = site.read("index.html").replacen("<head>", &format!("<head>{PROBE}"), 1);
    fs::write(site.0.join("probe.html"), page).unwrap();
    let around = r#"<ul></ul><script>
addEventListener("message", (event) => {
  const line = document.createElement("li");
  line.textContent = event.data;
  document.querySelector("ul").append(line);
});
</script>
<iframe src="probe.html" style="border: 0; height: 900px; width: 1280px"></iframe>
<iframe src="probe.html" style="border: 0; height: 900px; width: 320px"></iframe>"#;
    fs::write(site.0.join("around.html"), around).unwrap();

    let browser = env::var("ANYSCOPE_BROWSER").unwrap_or("chromium".into());
    let output = Command::new(&browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args([
            "--window-size=1400,2000",
            "--hide-scrollbars",
            "--virtual-time-budget=5000",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", site.0.join("profile").display()))
        .arg(format!("file://{}", site.0.join("around.html").display()))
        .stderr(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{browser}: {error}; ci/page.sh installs it"));
    assert!(output.status.success(), "{browser} has failed");
    let shown = String::from_utf8(output.stdout).unwrap();
    for width in [1280, 320] {
        let fits = format!("<li>{width} wide, shows {width}, 14 rows, wrong: </li>");
        assert!(shown.contains(&fits), "no {fits} in {shown}");
    }
}
