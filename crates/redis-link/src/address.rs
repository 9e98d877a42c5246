//! Where a Redis is, and as whom to speak to it.

#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use crate::login::Login;

/// Where a Redis is, and as whom to speak to it: a URL, taken apart.
///
/// `redis://[[user]:password@]host[:port][/database]`, `rediss://...` for TLS, and
/// `redis+unix:///path[?db=0&user=...&pass=...]`, also written `unix://`, and
/// `redis+sentinel://[[user]:password@]host[:26379][,host...]/master[/database]`, and
/// `redis+cluster://[[user]:password@]host[:port][,host...]`; with `rediss` for TLS to all of them. What Sentinels
/// themselves want to know is `?sentinel_user=...&sentinel_pass=...`, and `sentinel_tls=yes` or `no` where they differ
/// from the master in that. What is special in a URL stands percent-encoded. Shown, it has `***` where the password is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// Where it listens.
    pub place: Place,
    /// The number of the database.
    pub database: u32,
    /// The name of the ACL user; the server's default user where there is none.
    pub user: Option<String>,
    password: Option<String>,
    /// As whom Sentinels are spoken to.
    sentinel_user: Option<String>,
    sentinel_password: Option<String>,
}

/// Where a Redis listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// On a port.
    Tcp {
        /// A name or an address, an IPv6 one without brackets.
        host: String,
        /// Usually 6379.
        port: u16,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// On a unix socket.
    Unix(PathBuf),
    /// Wherever the master of this name is just now, as Sentinels know it.
    Sentinel {
        /// Hosts and ports, in the order in which they are asked.
        sentinels: Vec<(String, u16)>,
        /// What they call the master.
        master: String,
        /// Whether the master speaks TLS. It must prove to be the host that the Sentinels name.
        tls: bool,
        /// Whether the Sentinels do.
        sentinel_tls: bool,
    },
    /// On the nodes of a cluster: which one is asked for by the key.
    Cluster {
        /// Hosts and ports of some of them: who the others are, these say.
        seeds: Vec<(String, u16)>,
        /// Whether they speak TLS. Each must prove to be the host that the cluster calls it.
        tls: bool,
    },
}

/// Why a text is no address of a Redis. Does not repeat the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

const USUAL_PORT: u16 = 6379;

const USUAL_SENTINEL_PORT: u16 = 26379;

impl Address {
    /// What addresses begin with, before `://`.
    pub const SCHEMES: [&str; 9] = [
        "redis",
        "rediss",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
        "redis+unix",
        "valkey+unix",
        "unix",
    ];

    /// A Redis without password, in database 0.
    pub fn new(place: Place) -> Address {
        Address {
            place,
            database: 0,
            user: None,
            password: None,
            sentinel_user: None,
            sentinel_password: None,
        }
    }

    /// The address in `url`.
    ///
    /// # Errors
    /// When it is none, or has parameters other than `db`, `user` and `pass`.
    pub fn parse(url: &str) -> Result<Address, AddressError> {
        let (address, rest) = Address::parse_with_parameters(url)?;
        match rest.first() {
            None => Ok(address),
            Some((name, _)) => Err(AddressError(format!("unknown parameter {name:?}"))),
        }
    }

    /// The address in `url`, and the parameters that say nothing of the address, decoded.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse_with_parameters(url: &str) -> Result<(Address, Vec<(String, String)>), AddressError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| {
            AddressError("it does not begin with redis://, rediss://, redis+unix:// or unix://".to_owned())
        })?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut address = match scheme {
            "redis" => tcp(rest, false)?,
            "rediss" => tcp(rest, true)?,
            "unix" | "redis+unix" | "valkey+unix" => unix(rest)?,
            "redis+sentinel" => sentinel(rest, false)?,
            "rediss+sentinel" => sentinel(rest, true)?,
            "redis+cluster" => cluster(rest, false)?,
            "rediss+cluster" => cluster(rest, true)?,
            _ => return Err(AddressError(format!("unknown scheme {scheme:?}"))),
        };
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value)?;
            match name {
                "db" => address.database = database(&value)?,
                "user" => address.user = Some(value),
                "pass" | "password" => address.password = Some(value),
                _ if name.starts_with("sentinel_") => address.take_of_sentinels(name, value)?,
                _ => others.push((decoded(name)?, value)),
            }
        }
        if matches!(address.place, Place::Cluster { .. }) && address.database != 0 {
            let why = "a cluster has no databases but 0: give what is to be apart a prefix of its own";
            return Err(AddressError(why.to_owned()));
        }
        Ok((address, others))
    }

    /// The same with this password.
    pub fn with_password(mut self, password: Option<String>) -> Address {
        self.password = password;
        self
    }

    /// Whether there is one.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same with this password for the Sentinels, if there are any.
    pub fn with_sentinel_password(mut self, password: Option<String>) -> Address {
        self.sentinel_password = password;
        self
    }

    /// Whether there is one.
    pub fn has_sentinel_password(&self) -> bool {
        self.sentinel_password.is_some()
    }

    /// As whom the master, or whoever listens, is spoken to.
    pub(crate) fn login(&self) -> Login<'_> {
        Login { user: self.user.as_deref(), password: self.password.as_deref(), database: self.database }
    }

    /// As whom Sentinels are.
    pub(crate) fn sentinel_login(&self) -> Login<'_> {
        let (user, password) = (self.sentinel_user.as_deref(), self.sentinel_password.as_deref());
        Login { user, password, database: 0 }
    }

    /// Takes a parameter that says something of the Sentinels.
    fn take_of_sentinels(&mut self, name: &str, value: String) -> Result<(), AddressError> {
        let Place::Sentinel { sentinel_tls, .. } = &mut self.place else {
            return Err(AddressError(format!("{name} where there is no Sentinel")));
        };
        match (name, &*value) {
            ("sentinel_user", _) => self.sentinel_user = Some(value),
            ("sentinel_pass" | "sentinel_password", _) => self.sentinel_password = Some(value),
            ("sentinel_tls", "yes") => *sentinel_tls = true,
            ("sentinel_tls", "no") => *sentinel_tls = false,
            ("sentinel_tls", _) => {
                return Err(AddressError("sentinel_tls is yes or no".to_owned()));
            }
            _ => return Err(AddressError(format!("unknown parameter {name:?}"))),
        }
        Ok(())
    }

    /// Takes what stands before an `@`.
    fn take_credentials(&mut self, credentials: Option<&str>) -> Result<(), AddressError> {
        let Some(credentials) = credentials else { return Ok(()) };
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        self.user = Some(decoded(user)?).filter(|user| !user.is_empty());
        self.password = Some(decoded(password)?).filter(|password| !password.is_empty());
        Ok(())
    }
}

/// What follows `redis://`, up to the `?`.
fn tcp(rest: &str, tls: bool) -> Result<Address, AddressError> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, at) = match authority.rsplit_once('@') {
        Some((credentials, at)) => (Some(credentials), at),
        None => (None, authority),
    };
    let (host, port) = host_and_port(at, USUAL_PORT)?;
    let mut address = Address::new(Place::Tcp { host, port, tls });
    address.take_credentials(credentials)?;
    match path.trim_end_matches('/') {
        "" => {}
        number => address.database = database(number)?,
    }
    Ok(address)
}

/// What `HOST:PORT` says; the loopback where there is no host.
fn host_and_port(text: &str, usual: u16) -> Result<(String, u16), AddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) =
                bracketed.split_once(']').ok_or_else(|| AddressError("a [ without ]".to_owned()))?;
            match after.strip_prefix(':') {
                Some(port) => (host, port),
                None if after.is_empty() => (host, ""),
                None => return Err(AddressError(format!("{after:?} after ] is no port"))),
            }
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let host = if host.is_empty() { "127.0.0.1".to_owned() } else { decoded(host)? };
    let port = match port {
        "" => usual,
        port => port.parse().map_err(|_| AddressError(format!("{port:?} is no port")))?,
    };
    Ok((host, port))
}

/// What follows `redis+sentinel://`, up to the `?`.
fn sentinel(rest: &str, tls: bool) -> Result<Address, AddressError> {
    let (credentials, sentinels, path) = hosts(rest, USUAL_SENTINEL_PORT)?;
    let (master, number) = path.split_once('/').unwrap_or((path, ""));
    if master.is_empty() {
        return Err(AddressError("the name of the master is missing behind the sentinels".to_owned()));
    }
    let master = decoded(master)?;
    let mut address = Address::new(Place::Sentinel { sentinels, master, tls, sentinel_tls: tls });
    address.take_credentials(credentials)?;
    match number.trim_end_matches('/') {
        "" => {}
        number => address.database = database(number)?,
    }
    Ok(address)
}

/// What follows `redis+cluster://`, up to the `?`.
fn cluster(rest: &str, tls: bool) -> Result<Address, AddressError> {
    let (credentials, seeds, path) = hosts(rest, USUAL_PORT)?;
    let mut address = Address::new(Place::Cluster { seeds, tls });
    address.take_credentials(credentials)?;
    match path.trim_end_matches('/') {
        "" => {}
        number => address.database = database(number)?,
    }
    Ok(address)
}

/// The parts of `[CREDENTIALS@]HOST[:PORT][,HOST...][/PATH]`.
type Hosts<'a> = (Option<&'a str>, Vec<(String, u16)>, &'a str);

/// Takes that apart.
fn hosts(rest: &str, usual: u16) -> Result<Hosts<'_>, AddressError> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, authority),
    };
    let hosts = hosts.split(',').map(|host| host_and_port(host, usual)).collect::<Result<_, _>>()?;
    Ok((credentials, hosts, path))
}

/// What follows `redis+unix://`, up to the `?`.
fn unix(rest: &str) -> Result<Address, AddressError> {
    let (credentials, path) = match rest.split_once('@') {
        Some((credentials, path)) if !credentials.contains('/') => (Some(credentials), path),
        _ => (None, rest),
    };
    if !path.starts_with('/') {
        return Err(AddressError("the path of a unix socket begins with /".to_owned()));
    }
    let mut address = Address::new(Place::Unix(PathBuf::from(decoded(path)?)));
    address.take_credentials(credentials)?;
    Ok(address)
}

fn database(number: &str) -> Result<u32, AddressError> {
    number.parse().map_err(|_| AddressError(format!("{number:?} is no number of a database")))
}

/// `text` without percent-encoding.
fn decoded(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or_else(|| AddressError("a % without two hexadecimal digits".to_owned()))?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| AddressError("percent-encoded bytes are no UTF-8".to_owned()))
}

impl Display for Address {
    /// As a URL, without the password.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let user = self.user.as_deref().unwrap_or("");
        let credentials = match (&self.password, user) {
            (Some(_), user) => format!("{user}:***@"),
            (None, "") => String::new(),
            (None, user) => format!("{user}@"),
        };
        match &self.place {
            Place::Tcp { host, port, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                write!(f, "{scheme}://{credentials}{}/{}", shown(host, *port), self.database)
            }
            Place::Sentinel { sentinels, master, tls, .. } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                let sentinels = list(sentinels);
                write!(f, "{scheme}+sentinel://{credentials}{sentinels}/{master}/{}", self.database)
            }
            Place::Cluster { seeds, tls } => {
                let scheme = if *tls { "rediss" } else { "redis" };
                write!(f, "{scheme}+cluster://{credentials}{}", list(seeds))
            }
            Place::Unix(path) => {
                write!(f, "redis+unix://{credentials}{}", path.display())?;
                if self.database == 0 { Ok(()) } else { write!(f, "?db={}", self.database) }
            }
        }
    }
}

/// Hosts and ports, between commas.
fn list(hosts: &[(String, u16)]) -> String {
    let hosts: Vec<String> = hosts.iter().map(|(host, port)| shown(host, *port)).collect();
    hosts.join(",")
}

/// `HOST:PORT`, an IPv6 address in brackets.
pub(crate) fn shown(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl fmt::Debug for Address {
    /// As it is shown: a password is no more for a log than for a page.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Display for AddressError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "no address of a Redis: {}", self.0)
    }
}

impl std::error::Error for AddressError {}
