//! A web configuration, read and checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use serde::Deserialize;

use crate::error::WebConfigError;
use crate::tls::{self, TlsText};
use crate::users::{Access, Scope, Users};

/// A web configuration, read and checked: certificates are loaded, so that what can be wrong is wrong here.
#[derive(Debug)]
pub struct WebConfig {
    /// How connections are encrypted; none for not.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether HTTP/2 may be spoken. It is not offered to clients: every one of them speaks HTTP/1.1, too.
    pub http2: bool,
    /// Headers that every answer gets.
    pub headers: Vec<(String, String)>,
    users: Users,
}

/// The file, as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfigText {
    tls_server_config: Option<TlsText>,
    http_server_config: Option<HttpText>,
    basic_auth_users: Option<BTreeMap<String, String>>,
    basic_auth_scopes: Option<BTreeMap<String, Vec<Scope>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct HttpText {
    http2: bool,
    headers: Option<BTreeMap<String, String>>,
}

impl Default for HttpText {
    fn default() -> HttpText {
        HttpText { http2: true, headers: None }
    }
}

/// The headers that may be set, as in the toolkit.
const HEADERS: [&str; 5] = [
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
];

impl WebConfig {
    /// Reads a file, and the certificates that it names: a name that is not absolute is one beside the file.
    ///
    /// # Errors
    /// Where anything is missing, unknown, or does not fit.
    pub fn read(path: &Path) -> Result<WebConfig, WebConfigError> {
        let error = |why: String| WebConfigError { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|cause| error(format!("read: {cause}")))?;
        WebConfig::parse(&text, path)
    }

    /// The same from a text, of a file that is or would be at `path`.
    ///
    /// # Errors
    /// As [`read`](WebConfig::read).
    pub fn parse(text: &str, path: &Path) -> Result<WebConfig, WebConfigError> {
        let error = |why: String| WebConfigError { path: path.to_owned(), why };
        // A file in which nothing stands configures nothing.
        let bare = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        let config: ConfigText = match bare {
            true => ConfigText::default(),
            false => serde_saphyr::from_str(text).map_err(|cause| error(cause.to_string()))?,
        };
        let known = |name: &str| HEADERS.iter().find(|known| known.eq_ignore_ascii_case(name));
        let mut headers = Vec::new();
        let http = config.http_server_config.unwrap_or_default();
        for (name, value) in http.headers.iter().flatten() {
            let known = known(name).ok_or_else(|| {
                error(format!("http_server_config.headers: {name} is none of {}", HEADERS.join(", ")))
            })?;
            headers.push(((*known).to_owned(), value.clone()));
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        let http2 = http.http2;
        let tls = config.tls_server_config.map(|tls| tls::server_config(tls, directory)).transpose();
        let tls = tls.map_err(|why| error(format!("tls_server_config: {why}")))?;
        let users = Users::new(
            config.basic_auth_users.unwrap_or_default(),
            config.basic_auth_scopes.unwrap_or_default(),
        )
        .map_err(error)?;
        Ok(WebConfig { tls, http2, headers, users })
    }

    /// Whether anybody has to say who he is.
    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// Whether who sends this `Authorization` header may do what is of this scope.
    ///
    /// The first time for a name and a password costs what bcrypt costs, some ten to hundred milliseconds, so that it is
    /// not for a thread that serves others meanwhile; the answer is remembered.
    pub fn access(&self, authorization: Option<&str>, scope: Scope) -> Access {
        self.users.access(authorization, scope)
    }

    /// The same where it is remembered, without any cost to speak of.
    pub fn known_access(&self, authorization: Option<&str>, scope: Scope) -> Option<Access> {
        self.users.known_access(authorization, scope)
    }
}

#[cfg(test)]
mod tests;
