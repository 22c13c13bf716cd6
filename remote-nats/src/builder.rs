//! What users set, and how a connection is made.

use crate::{
    connection::{Connection, Home, PATIENCE, Refusals},
    error::{Refused, unavailable},
    handle::Nats,
};
use anyscope_remote::{EngineError, ErrorKind};
use async_nats::{ConnectError, ConnectErrorKind, ConnectOptions, ServerAddr, rustls};
use serde_json::Value;
use std::{
    error::Error,
    fmt,
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Handle;

/// What can be said of a connection, before it is made; from [`Nats::builder`].
///
/// See [`Nats`](crate::Nats).
#[derive(Clone)]
#[must_use = "a builder connects to nothing unless it is told to"]
pub struct Builder {
    servers: String,
    who: Who,
    tls: Tls,
    domain: Option<String>,
    runtime: Option<Handle>,
    wait: bool,
    pub(crate) settings: Settings,
}

/// What is the same for all queues.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) replicas: usize,
    pub(crate) queue_limit: u64,
    pub(crate) keep: Duration,
    pub(crate) keep_dead_letters: Duration,
}

#[derive(Clone)]
enum Who {
    Nobody,
    Password(String, String),
    Token(String),
    Nkey(String),
    Credentials(PathBuf),
}

#[derive(Clone, Default)]
struct Tls {
    required: bool,
    roots: Vec<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Builder {
    pub(crate) fn new(servers: String) -> Self {
        Builder {
            servers,
            who: Who::Nobody,
            tls: Tls::default(),
            domain: None,
            runtime: None,
            wait: false,
            settings: Settings {
                prefix: "anyscope".to_owned(),
                replicas: 1,
                queue_limit: 1_000_000,
                keep: DAY,
                keep_dead_letters: 30 * DAY,
            },
        }
    }

    /// Says who connects, by a name and a password.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// async fn connect(password: &str) -> Result<Nats, EngineError> {
    ///     Nats::builder("tls://nats.example:4222").user("shop", password).connect().await
    /// }
    /// ```
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.who = Who::Password(name.into(), password.into());
        self
    }

    /// Says who connects, by a token.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     let token = std::env::var("NATS_TOKEN").unwrap_or_default();
    ///     Nats::builder("tls://nats.example:4222").token(token).connect().await
    /// }
    /// ```
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.who = Who::Token(token.into());
        self
    }

    /// Says who connects, by the seed of an nkey.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// The seed is a secret: the server has the public key that belongs to it.
    /// async fn connect(seed: &str) -> Result<Nats, EngineError> {
    ///     Nats::builder("tls://nats.example:4222").nkey(seed).connect().await
    /// }
    /// ```
    pub fn nkey(mut self, seed: impl Into<String>) -> Self {
        self.who = Who::Nkey(seed.into());
        self
    }

    /// Says who connects, by a file of credentials as `nsc` writes them.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     let servers = "tls://a.nats.example:4222,tls://b.nats.example:4222";
    ///     Nats::builder(servers).credentials_file("/run/secrets/shop.creds").connect().await
    /// }
    /// ```
    pub fn credentials_file(mut self, path: impl AsRef<Path>) -> Self {
        self.who = Who::Credentials(path.as_ref().to_owned());
        self
    }

    /// Refuses a connection without TLS. An address that begins with `tls://` does that too.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("nats.example:4222").require_tls().connect().await
    /// }
    /// ```
    pub fn require_tls(mut self) -> Self {
        self.tls.required = true;
        self
    }

    /// Trusts the certificates of this file, and no longer those of the system. Can be called several times.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// With certificates of one's own.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("tls://nats.example:4222").root_certificates("/etc/shop/ca.pem").connect().await
    /// }
    /// ```
    pub fn root_certificates(mut self, path: impl AsRef<Path>) -> Self {
        self.tls.roots.push(path.as_ref().to_owned());
        self
    }

    /// Shows a certificate to the server; both are files in PEM.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("tls://nats.example:4222")
    ///         .client_certificate("/etc/shop/client.pem", "/run/secrets/client.key")
    ///         .connect()
    ///         .await
    /// }
    /// ```
    pub fn client_certificate(
        mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Self {
        self.tls.certificate = Some((certificate.as_ref().to_owned(), key.as_ref().to_owned()));
        self
    }

    /// Uses JetStream of another domain than the server's own: of a hub, from a leaf node.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// At the edge, with the jobs at the hub.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("nats://localhost:4222").domain("hub").connect().await
    /// }
    /// ```
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Has the client on this runtime of tokio, which must have its I/O and time enabled. Otherwise it has a thread of its own with one.
    ///
    /// Handlers run where their workers say, whatever this is.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// In a program of tokio: no thread more.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     let here = tokio::runtime::Handle::current();
    ///     Nats::builder("nats://localhost:4222").runtime(here).connect().await
    /// }
    /// ```
    pub fn runtime(mut self, handle: Handle) -> Self {
        self.runtime = Some(handle);
        self
    }

    /// Waits for a server that is not there yet, where [`connect`](Self::connect) would be an error.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// For programs that are started together with the server.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("nats://localhost:4222").wait_for_server().connect().await
    /// }
    /// ```
    pub fn wait_for_server(mut self) -> Self {
        self.wait = true;
        self
    }

    /// Stores all of a new queue on so many servers of a cluster, 1 otherwise. See [`Durability`](crate::Durability) for what that means.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::{EngineError, engine::Queue};
    ///
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     let engine = Nats::builder("nats://localhost:4222").replicas(3).connect().await?;
    ///     // A queue that was there before is as it was made.
    ///     let has = engine.durability(&Queue::from("thumbs")).await?;
    ///     println!("{} copies of each job", has.replicas);
    ///     Ok(engine)
    /// }
    /// ```
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.settings.replicas = replicas;
        self
    }

    /// Lets a new queue have so many jobs without an outcome, a million otherwise; then it is [`Full`](ErrorKind::Full). Those that wait for a delay or for another
    /// job with their key count apart, with the same limit.
    ///
    /// # Panics
    ///
    /// Panics if it is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// Calls wait when there are 10 000 jobs in a queue.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("nats://localhost:4222").queue_limit(10_000).connect().await
    /// }
    /// ```
    #[track_caller]
    pub fn queue_limit(mut self, jobs: u64) -> Self {
        assert!(jobs > 0, "a queue without jobs has none to do");
        self.settings.queue_limit = jobs;
        self
    }

    /// Keeps outcomes of a new queue for so long, a day otherwise. An id that is put again later is another job.
    ///
    /// # Panics
    ///
    /// Panics if it is less than a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    /// use std::time::Duration;
    ///
    /// /// Whoever asks for an outcome does so within a week.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     let week = Duration::from_secs(7 * 24 * 3600);
    ///     Nats::builder("nats://localhost:4222").keep(week).connect().await
    /// }
    /// ```
    #[track_caller]
    pub fn keep(mut self, time: Duration) -> Self {
        assert!(time >= Duration::from_secs(1), "an outcome must be there until it is read");
        self.settings.keep = time;
        self
    }

    /// Keeps dead letters of a new queue for so long, 30 days otherwise.
    ///
    /// # Panics
    ///
    /// Panics if it is less than a second.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    /// use std::time::Duration;
    ///
    /// /// Nobody looks at them before the end of the quarter.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     let quarter = Duration::from_secs(92 * 24 * 3600);
    ///     Nats::builder("nats://localhost:4222").keep_dead_letters(quarter).connect().await
    /// }
    /// ```
    #[track_caller]
    pub fn keep_dead_letters(mut self, time: Duration) -> Self {
        assert!(time >= Duration::from_secs(1), "a dead letter must be there until it is read");
        self.settings.keep_dead_letters = time;
        self
    }

    /// Lets names of subjects and streams begin with this, `anyscope` otherwise: for several that share an account.
    ///
    /// # Panics
    ///
    /// Panics unless it is 1 to 32 letters of ASCII, digits and `_`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::EngineError;
    ///
    /// /// Tests beside the real thing, in one account.
    /// async fn connect() -> Result<Nats, EngineError> {
    ///     Nats::builder("nats://localhost:4222").prefix("staging").connect().await
    /// }
    /// ```
    #[track_caller]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        // Without `-`, which is what comes after it in names of streams.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        assert!(
            (1..=32).contains(&prefix.len()) && prefix.bytes().all(fits),
            "a prefix is 1 to 32 letters of ASCII, digits and `_`"
        );
        self.settings.prefix = prefix;
        self
    }

    /// Connects, and looks whether the server has what is needed: version 2.9, and JetStream.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if no server is there, unless it is [waited for](Self::wait_for_server); [`Denied`](ErrorKind::Denied) if it does not
    /// take the credentials; [`Incompatible`](ErrorKind::Incompatible) if it is too old or has no JetStream. None of them shows credentials.
    ///
    /// When the connection is lost later, it is made again, for ever; until then what is asked is `Unavailable`.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_nats::Nats;
    /// use anyscope_remote::ErrorKind;
    ///
    /// // Nobody listens on this port.
    /// let refused = smol::block_on(Nats::builder("nats://127.0.0.1:1").connect()).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Unavailable);
    /// ```
    pub async fn connect(self) -> Result<Nats, EngineError> {
        let home = Home::new(self.runtime.clone())
            .map_err(|error| EngineError::new(ErrorKind::Other, error))?;
        let settings = self.settings.clone();
        let connection = home.run(async move { self.connection().await }).await?;
        Ok(Nats::new(home, connection, settings))
    }

    async fn connection(self) -> Result<Connection, EngineError> {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.connect_once().await {
                Err(error) if self.wait && error.kind() == ErrorKind::Unavailable => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                connected => return connected,
            }
        }
    }

    async fn connect_once(&self) -> Result<Connection, EngineError> {
        let other = |why: String| EngineError::new(ErrorKind::Other, why);
        let servers: Result<Vec<ServerAddr>, _> =
            self.servers.split(',').map(|server| server.trim().parse()).collect();
        // Not the address itself, which may have a password.
        let servers = servers.map_err(|_| {
            other("an address of a server is `nats://host:4222` or `tls://host:4222`".to_owned())
        })?;
        let refusals = Arc::new(Refusals::default());
        let options = refusals.listen(self.options().await?);
        let client = options.connect(&servers).await.map_err(|error| {
            let hosts: Vec<_> =
                servers.iter().map(|server| format!("{}:{}", server.host(), server.port())).collect();
            let hosts = hosts.join(", ");
            match error.kind() {
                ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                    let why = format!("the server at {hosts} does not take the credentials");
                    EngineError::new(ErrorKind::Denied, why)
                }
                _ if is_tls(&error) => other(format!(
                    "no connection with TLS to {hosts}: is its certificate among the trusted ones? {error}"
                )),
                _ => unavailable(format!("no server answers at {hosts}: does it run? {error}")),
            }
        })?;
        let version = client.server_info().version;
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        let parts = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        let incompatible = |why: String| EngineError::new(ErrorKind::Incompatible, why);
        if parts < (2, 9) {
            return Err(incompatible(format!("the server is {version}, and 2.9 is needed")));
        }
        let api = match &self.domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        let connection = Connection::new(client, api, refusals);
        match connection.ask::<Value>("INFO", &Value::Null).await {
            Ok(_) => Ok(connection),
            Err(Refused::Engine(error)) if error.to_string().contains("nobody answers") => Err(
                incompatible("the server has no JetStream: start it with `--jetstream`".to_owned()),
            ),
            Err(error) => Err(error.into()),
        }
    }

    async fn options(&self) -> Result<ConnectOptions, EngineError> {
        let mut options = ConnectOptions::new()
            .name("anyscope")
            .connection_timeout(PATIENCE)
            // A connection that falls silent is made again after three of these; otherwise leases would be over long before anybody noticed.
            .ping_interval(PATIENCE)
            .reconnect_delay_callback(reconnect_delay)
            .require_tls(self.tls.required);
        for path in &self.tls.roots {
            options = options.add_root_certificates(path.clone());
        }
        if let Some((certificate, key)) = &self.tls.certificate {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        Ok(match &self.who {
            Who::Nobody => options,
            Who::Password(name, password) => {
                options.user_and_password(name.clone(), password.clone())
            }
            Who::Token(token) => options.token(token.clone()),
            Who::Nkey(seed) => options.nkey(seed.clone()),
            Who::Credentials(path) => options.credentials_file(path).await.map_err(|error| {
                let why = format!("the credentials in {} are not read: {error}", path.display());
                EngineError::new(ErrorKind::Denied, why)
            })?,
        })
    }
}

/// How long to wait before a lost connection is tried to be made again: longer each time, and different for each client, as all of a server lose it at once.
fn reconnect_delay(attempts: usize) -> Duration {
    if attempts <= 1 {
        return Duration::ZERO;
    }
    let doubled = u32::try_from(attempts - 2).unwrap_or(u32::MAX).min(16);
    let delay = (Duration::from_millis(5) * (1 << doubled)).min(Duration::from_secs(2));
    // Each of these has keys of its own.
    let random = RandomState::new().hash_one(attempts);
    delay / 2 + delay.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

/// Whether there is no connection because of TLS. What goes wrong while it is agreed on looks like an error of the network.
fn is_tls(error: &ConnectError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    error.kind() == ConnectErrorKind::Tls
        || source.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Without addresses and credentials, which may be secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
