//! The example from outside: processes that make thumbnails, are killed, and are interrupted.

#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

fn fleet(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleet"));
    command.current_dir(folder).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    fleet(folder, args).output().unwrap()
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

struct Process(Child);

impl Process {
    fn start(folder: &Path, args: &[&str]) -> Self {
        Process(fleet(folder, args).spawn().unwrap())
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn output(mut self) -> (Option<i32>, String) {
        let status = self.0.wait().unwrap();
        let mut out = String::new();
        std::io::Read::read_to_string(&mut self.0.stdout.take().unwrap(), &mut out).unwrap();
        (status.code(), out)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn thumbs(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.join("thumbs")) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".png"));
    names.sort();
    names
}

/// Looks now and then until it is so.
fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Given three workers, when one is killed in the middle, then each picture has its thumbnail, of the right size, and the caller has an outcome for
/// each. A second call finds all of them there; what is no picture is said.
#[test]
fn a_worker_is_killed_in_the_middle() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    assert!(run(folder, &["make", "pictures", "--number", "24"]).status.success());
    let work = ["work", "--lease", "1", "--pause", "60"];
    let mut workers: Vec<_> = (0..3).map(|_| Process::start(folder, &work)).collect();
    let call = Process::start(folder, &["call", "pictures", "thumbs"]);
    until(|| thumbs(folder).len() >= 6);
    workers[0].0.kill().unwrap();
    let status = text(&run(folder, &["status"]).stdout);
    assert!(status.contains("running, "), "{status}");
    let (code, out) = call.output();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("24 pictures: ") && out.ends_with(", 0 failed\n"), "{out}");
    let names: Vec<_> = (0..24).map(|n| format!("picture-{n:04}.png.png")).collect();
    assert_eq!(thumbs(folder), names);
    for name in names {
        let thumb = image::open(folder.join("thumbs").join(name)).unwrap();
        assert_eq!((thumb.width(), thumb.height()), (200, 150));
    }

    // From here on there is one worker, so that it is known to have begun when it is interrupted.
    let idle = workers.pop().unwrap();
    drop(workers);
    fs::write(folder.join("pictures/text.png"), "no picture").unwrap();
    let again = run(folder, &["call", "pictures", "thumbs"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(text(&again.stdout), "25 pictures: 0 thumbnails made, 24 were there, 1 failed\n");
    assert!(text(&again.stderr).contains("text.png: not a picture: "), "{}", text(&again.stderr));

    // Ctrl-C ends a worker in good order.
    idle.interrupt();
    let (code, out) = idle.output();
    assert_eq!(code, Some(130));
    assert!(out.ends_with(" made or refused, 0 given back\n"), "{out}");
}

/// Given a worker that is interrupted while it works, then what it has begun is made, or is made by another at once; and a caller that is interrupted leaves
/// nothing to be done.
#[test]
fn both_sides_are_interrupted() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    assert!(run(folder, &["make", "pictures", "--number", "18"]).status.success());
    // With leases of an hour: nobody waits for one to run out.
    let work = ["work", "--lease", "3600", "--pause", "100"];
    let first = Process::start(folder, &work);
    let call = Process::start(folder, &["call", "pictures", "thumbs"]);
    // Nobody else made them: it has begun, and knows what an interrupt is.
    until(|| thumbs(folder).len() >= 4);
    let second = Process::start(folder, &work);
    first.interrupt();
    let (code, out) = first.output();
    assert_eq!((code, out.contains("given back")), (Some(130), true), "{out}");
    let (code, out) = call.output();
    assert_eq!(
        (code, &*out),
        (Some(0), "18 pictures: 18 thumbnails made, 0 were there, 0 failed\n")
    );

    // With a worker that makes none, however late the interrupt comes. It hears of it when it extends its leases.
    drop(second);
    fs::remove_dir_all(folder.join("thumbs")).unwrap();
    let work = ["work", "--lease", "3", "--pause", "3600000"];
    let _worker = Process::start(folder, &work);
    let call = Process::start(folder, &["call", "pictures", "thumbs"]);
    until(|| !text(&run(folder, &["status"]).stdout).contains(" 0 running, "));
    call.interrupt();
    let (code, out) = call.output();
    assert_eq!((code, &*out), (Some(130), "cancelled\n"));
    until(|| text(&run(folder, &["status"]).stdout).starts_with("0 wait, 0 running, "));
    assert_eq!(thumbs(folder).len(), 0);
}

/// Given a folder that is none while workers try, then the pictures are given up, and their caller is told; when it is mended, they are put again, and made.
#[test]
fn what_was_given_up_is_done_again() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    assert!(run(folder, &["make", "pictures", "--number", "6"]).status.success());
    let call = Process::start(folder, &["call", "pictures", "thumbs"]);
    until(|| text(&run(folder, &["status"]).stdout).starts_with("6 wait, 0 running, "));
    fs::remove_dir(folder.join("thumbs")).unwrap();
    fs::write(folder.join("thumbs"), "not a folder").unwrap();
    let worker = Process::start(folder, &["work"]);
    let (code, out) = call.output();
    let said = "6 pictures: 0 thumbnails made, 0 were there, 6 failed\n";
    assert_eq!((code, &*out), (Some(1), said));
    let status = text(&run(folder, &["status"]).stdout);
    assert!(status.starts_with("0 wait, 0 running, 6 done, 6 of them given up\n"), "{status}");

    fs::remove_file(folder.join("thumbs")).unwrap();
    fs::create_dir(folder.join("thumbs")).unwrap();
    let redrive = run(folder, &["redrive"]);
    assert_eq!(text(&redrive.stdout), "6 were given up, 6 are put again\n");
    until(|| text(&run(folder, &["status"]).stdout).starts_with("0 wait, 0 running, "));
    assert_eq!(thumbs(folder).len(), 6);
    let nothing = run(folder, &["redrive"]);
    assert_eq!(nothing.status.code(), Some(0));
    assert_eq!(text(&nothing.stdout), "0 were given up, 0 are put again\n");
    drop(worker);
}

/// Given what cannot be done, then it is said, and the exit code tells.
#[test]
fn what_cannot_be_done_is_said() {
    let temp = tempfile::tempdir().unwrap();
    let none = run(temp.path(), &["call", "nothing", "thumbs"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).starts_with("fleet: "), "{}", text(&none.stderr));
    fs::write(temp.path().join("other.db"), "text ".repeat(1000)).unwrap();
    let other = run(temp.path(), &["status", "--jobs", "other.db"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(
        text(&other.stderr).contains("the engine is of another version"),
        "{}",
        text(&other.stderr)
    );
    let status = run(temp.path(), &["status"]);
    assert_eq!(text(&status.stdout), "0 wait, 0 running, 0 done, 0 of them given up\n");
}

/// Given a server of NATS instead of a file, then the same is true: a worker is killed in the middle, and each picture has its thumbnail.
#[cfg(feature = "nats")]
#[test]
fn over_a_server() {
    let Some(program) =
        ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"]
            .into_iter()
            .find(|path| Path::new(path).exists())
    else {
        return eprintln!("there is no nats-server: nothing is shown");
    };
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    // Free when this line has run; if another takes it, the test fails and says so.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();
    let store = folder.join("store");
    let server = Command::new(program)
        .args(["-a", "127.0.0.1", "-p", &port, "-js", "-sd", store.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Process(server.unwrap());
    let servers = format!("nats://127.0.0.1:{port}");
    until(|| std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok());
    let engine = ["--engine", "nats", "--servers", &servers];
    let with = |args: &[&'static str]| [args, &engine[..]].concat();

    assert!(run(folder, &["make", "pictures", "--number", "16"]).status.success());
    let work = with(&["work", "--lease", "1", "--pause", "60"]);
    let mut workers: Vec<_> = (0..2).map(|_| Process::start(folder, &work)).collect();
    let call = Process::start(folder, &with(&["call", "pictures", "thumbs"]));
    until(|| thumbs(folder).len() >= 4);
    workers[0].0.kill().unwrap();
    let (code, out) = call.output();
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("16 pictures: ") && out.ends_with(", 0 failed\n"), "{out}");
    assert_eq!(thumbs(folder).len(), 16);
}
