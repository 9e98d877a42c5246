//! Certificates for servers that speak TLS.

use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The certificate of a server, the authority that vouches for it, and another that nobody asked; gone when dropped.
///
/// ```no_run
/// use redis_testkit::{Certificates, RedisServer};
///
/// let certificates = Certificates::of("IP:127.0.0.1");
/// let (server, port) = RedisServer::start_tls(&certificates, &[]);
/// // A client is to trust `certificates.file("authority.crt")`.
/// ```
#[derive(Debug)]
pub struct Certificates(TempDir);

impl Certificates {
    /// For a server that is called so: `DNS:localhost`, `IP:127.0.0.1`.
    ///
    /// # Panics
    /// When there is no openssl, or it fails.
    pub fn of(whom: &str) -> Certificates {
        let directory = tempfile::Builder::new().prefix("certificates-").tempdir().expect("make a directory");
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(directory.path()).stderr(Stdio::piped());
            let done = command.output().expect("no openssl on PATH: `cargo xtask setup` installs it");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        for name in ["authority", "stranger"] {
            openssl(&format!(
                "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.crt"
            ));
        }
        openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr");
        let names = format!("subjectAltName={whom}");
        std::fs::write(directory.path().join("names"), names).expect("write who it is for");
        openssl(
            "x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names \
             -out server.crt",
        );
        Certificates(directory)
    }

    /// The path of one: `authority.crt`, `stranger.crt`, `server.crt`.
    ///
    /// # Panics
    /// When the directory for temporary files is not UTF-8.
    pub fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("the path is UTF-8").to_owned()
    }

    /// What makes a redis-server show it, and ask for none. A port to do so on is to be said besides.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--tls-auth-clients".to_owned(), "no".to_owned()];
        let files =
            [("cert-file", "server.crt"), ("key-file", "server.key"), ("ca-cert-file", "authority.crt")];
        for (name, of) in files {
            arguments.extend([format!("--tls-{name}"), self.file(of)]);
        }
        arguments
    }
}
