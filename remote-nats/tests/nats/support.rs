//! Servers that tests start and kill.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// A server on a port of its own, with a store in a folder of its own.
pub(crate) struct Server {
    binary: PathBuf,
    port: u16,
    folder: tempfile::TempDir,
    settings: String,
    child: Child,
}

/// Says why a test does nothing, where there is no server.
macro_rules! server_or_return {
    ($settings:expr) => {
        match $crate::support::Server::start($settings) {
            Some(server) => server,
            None => {
                eprintln!(
                    "skipped: there is no `nats-server`; `apt-get install nats-server` has one"
                );
                return;
            }
        }
    };
}

pub(crate) use server_or_return;

pub(crate) fn binary() -> Option<PathBuf> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&paths).chain([PathBuf::from("/usr/sbin")]);
    let mut binaries = folders.map(|folder| folder.join("nats-server"));
    let named = env::var_os("NATS_SERVER").map(PathBuf::from);
    named.or_else(|| binaries.find(|path| path.is_file()))
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts one with these lines in its file of settings, beside a port and a store. None if there is no binary.
    pub(crate) fn start(settings: &str) -> Option<Self> {
        Server::start_on(free_port(), settings)
    }

    pub(crate) fn start_on(port: u16, settings: &str) -> Option<Self> {
        let binary = binary()?;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings.to_owned();
        if !settings.contains("jetstream") {
            settings += "\njetstream { store_dir: \"STORE\" }";
        }
        let settings = settings.replace("STORE", folder.path().join("store").to_str().unwrap());
        let settings = format!("listen: 127.0.0.1:{port}\n{settings}\n");
        let child = spawn(&binary, &folder, &settings);
        let mut server = Server { binary, port, folder, settings, child };
        server.wait();
        Some(server)
    }

    pub(crate) fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it in good order, with all that it knows written.
    pub(crate) fn stop(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let _ = self.child.wait();
    }

    /// Kills it, and starts it again on the same store.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Ends it in good order, and starts it again on the same store.
    pub(crate) fn restart_in_order(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Starts it on the same store.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.binary, &self.folder, &self.settings);
        self.wait();
    }

    /// Returns where it has its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn wait(&mut self) {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if self.child.try_wait().unwrap().is_some() {
                panic!("the server does not start: {}", self.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn spawn(binary: &PathBuf, folder: &tempfile::TempDir, settings: &str) -> Child {
    let file = folder.path().join("nats.conf");
    fs::write(&file, settings).unwrap();
    let log = folder.path().join("log");
    Command::new(binary)
        .arg("-c")
        .arg(file)
        .arg("-l")
        .arg(log)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
