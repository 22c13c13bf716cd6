//! TLS, nkeys and credentials reach the server, and what does not fit is an error that says what, without secrets.

use crate::{
    refuse::{connect, refused},
    support::{Server, binary, server_or_return},
};
use anyscope_nats::Nats;
use anyscope_remote::{
    ErrorKind,
    engine::{Engine, Envelope, JobId},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Certificates of a folder, made by `openssl`.
struct Certificates(tempfile::TempDir);

impl Certificates {
    /// An authority, and one for `server` and `client` by it. None if there is no `openssl`.
    fn new() -> Option<Self> {
        let made = Certificates(tempfile::tempdir().unwrap());
        let key = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let openssl = |args: &[&str]| {
            let made =
                Command::new("openssl").args(args).current_dir(made.0.path()).output().ok()?;
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            Some(())
        };
        let own = ["-x509", "-days", "2", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem"];
        openssl(&[&key[..], &own].concat())?;
        fs::write(made.path("ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        for name in ["server", "client"] {
            let (key_file, request, pem) =
                (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
            let subject = format!("/CN={name}");
            let asks = ["-subj", &subject, "-keyout", &key_file, "-out", &request];
            openssl(&[&key[..], &asks].concat())?;
            let by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext"];
            let signs = ["x509", "-req", "-days", "2", "-in", &request, "-out", &pem];
            openssl(&[&signs[..], &by].concat())?;
        }
        Some(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a server has in its settings, and more of it.
    fn settings(&self, more: &str) -> String {
        let path = |name| self.path(name).display().to_string();
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\"{more} }}",
            path("server.pem"),
            path("server.key"),
            path("ca.pem")
        )
    }
}

/// Given a server with TLS, then a client that trusts its certificate is connected, and one that does not, or has no certificate where one is wanted, is told so; and so is one
/// that wants TLS where there is none.
#[test]
fn j78_tls_is_passed_through() {
    let Some(certificates) = Certificates::new().filter(|_| binary().is_some()) else {
        eprintln!("skipped: there is no `openssl`, or no `nats-server`");
        return;
    };
    let path = |name| certificates.path(name);
    let server = Server::start(&certificates.settings("")).unwrap();
    let trusting = || Nats::builder(server.address()).root_certificates(path("ca.pem"));
    let engine = connect(trusting().require_tls()).unwrap();
    let job = Envelope::new(JobId::unique(), "a", 1, Vec::new());
    smol::block_on(engine.put(&"tls".into(), vec![job])).unwrap();
    connect(
        Nats::builder(server.address().replace("nats:", "tls:")).root_certificates(path("ca.pem")),
    )
    .unwrap();

    let says = "is its certificate among the trusted ones?";
    refused(Nats::builder(server.address()), ErrorKind::Other, says);
    let other = Certificates::new().unwrap();
    let wrong = Nats::builder(server.address()).root_certificates(other.path("ca.pem"));
    refused(wrong.clone(), ErrorKind::Other, says);
    // It is nothing that passes.
    refused(wrong.wait_for_server(), ErrorKind::Other, says);
    let missing = Nats::builder(server.address()).root_certificates("/no/such/file");
    refused(missing, ErrorKind::Other, "No such file");

    let asks = Server::start(&certificates.settings(", verify: true")).unwrap();
    let builder = || Nats::builder(asks.address()).root_certificates(path("ca.pem"));
    connect(builder().client_certificate(path("client.pem"), path("client.key"))).unwrap();
    refused(builder(), ErrorKind::Other, "TLS");

    let plain = Server::start("").unwrap();
    let wants = Nats::builder(plain.address()).require_tls();
    refused(wants, ErrorKind::Other, "TLS");
}

/// Given a server that knows a user by an nkey, then its seed is taken, and another one, or what is none, is not.
#[test]
fn j79_nkeys_are_passed_through() {
    let [known, other] = [(); 2].map(|()| KeyPair::new_user());
    let users = format!("authorization {{ users: [{{ nkey: {} }}] }}", known.public_key());
    let server = server_or_return!(&users);
    let with = |seed: &str| Nats::builder(server.address()).nkey(seed);
    connect(with(&known.seed().unwrap())).unwrap();
    let seed = other.seed().unwrap();
    for wrong in [&*seed, "SUcorrect-horse"] {
        let error = refused(with(wrong), ErrorKind::Denied, "credentials");
        assert!(!error.contains(wrong), "{error}");
    }
}

/// Given a server with accounts, then the credentials of a user of one are taken; those of a user whom nobody has signed, and a file without any, are not.
#[test]
fn j80_credentials_are_passed_through() {
    let operator = KeyPair::new_operator();
    let [account, system] = [(); 2].map(|()| KeyPair::new_account());
    let (mine, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let is_operator = signed(&operator, &operator, json!({ "type": "operator", "version": 2 }));
    // That of the system has no JetStream.
    let accounts = [(&account, -1), (&system, 0)].map(|(account, stored)| {
        let limits = json!({
            "subs": -1, "conn": -1, "leaf": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
            "mem_storage": stored, "disk_storage": stored, "streams": stored, "consumer": stored,
        });
        let claims = json!({ "type": "account", "version": 2, "limits": limits });
        format!("{}: {}", account.public_key(), signed(&operator, account, claims))
    });
    let user = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let is_mine = signed(&account, &mine, user.clone());
    let settings = format!(
        "operator: {is_operator}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload {{\n{}\n}}",
        system.public_key(),
        accounts.join("\n")
    );
    let server = server_or_return!(&settings);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, jwt: &str, seed: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        );
        fs::write(&path, text).unwrap();
        path
    };
    let with = |path: &Path| Nats::builder(server.address()).credentials_file(path);
    connect(with(&file("mine", &is_mine, &mine.seed().unwrap()))).unwrap();

    let (of_nobody, seed) = (KeyPair::new_account(), stranger.seed().unwrap());
    let unsigned = signed(&of_nobody, &stranger, user);
    let not_mine = file("not mine", &is_mine, &seed);
    for wrong in [file("unsigned", &unsigned, &seed), not_mine] {
        let error = refused(with(&wrong), ErrorKind::Denied, "credentials");
        assert!(
            ![&*seed, &unsigned, &is_mine].iter().any(|secret| error.contains(secret)),
            "{error}"
        );
    }
    fs::write(folder.path().join("none"), seed.clone()).unwrap();
    let error = refused(with(&folder.path().join("none")), ErrorKind::Denied, "none");
    assert!(!error.contains(&seed), "{error}");
}

/// Returns what `by` says of `of`, as `nsc` writes it.
fn signed(by: &KeyPair, of: &KeyPair, nats: Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({ "jti": "1", "iat": 0, "iss": by.public_key(), "sub": of.public_key(), "name": "n", "nats": nats });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(by.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}
