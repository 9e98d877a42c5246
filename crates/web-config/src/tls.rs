//! How connections are encrypted: what the file says, and what rustls makes of it.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{NamedGroup, RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use serde::Deserialize;

use crate::clients::{self, ClientAuth};

/// `tls_server_config`, as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsText {
    cert: Option<String>,
    cert_file: Option<String>,
    key: Option<String>,
    key_file: Option<String>,
    client_ca: Option<String>,
    client_ca_file: Option<String>,
    client_auth_type: ClientAuth,
    client_allowed_sans: Vec<String>,
    min_version: Option<TlsVersion>,
    max_version: Option<TlsVersion>,
    cipher_suites: Vec<String>,
    /// Of no effect in rustls, which prefers its own order, as is the toolkit's default.
    #[allow(dead_code)]
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum TlsVersion {
    TLS10,
    TLS11,
    TLS12,
    TLS13,
}

/// What the file says, ready for use. Files are looked for in `directory`.
pub(crate) fn server_config(text: TlsText, directory: &Path) -> Result<Arc<ServerConfig>, String> {
    let piece = |name: &str, inline: &Option<String>, file: &Option<String>| match (inline, file) {
        (Some(_), Some(_)) => Err(format!("{name} and {name}_file are both there")),
        (Some(text), None) => Ok(Some((name.to_owned(), text.clone().into_bytes()))),
        (None, Some(file)) => {
            let path = directory.join(file);
            let bytes = std::fs::read(&path).map_err(|error| format!("read {}: {error}", path.display()))?;
            Ok(Some((path.display().to_string(), bytes)))
        }
        (None, None) => Ok(None),
    };
    let certificates = piece("cert", &text.cert, &text.cert_file)?.ok_or("cert_file is missing")?;
    let (key_name, key) = piece("key", &text.key, &text.key_file)?.ok_or("key_file is missing")?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| format!("{key_name}: {error}"))?;
    let clients = piece("client_ca", &text.client_ca, &text.client_ca_file)?;
    let provider = Arc::new(provider(&text)?);
    let trusted = clients.map(|clients| trusted(&clients)).transpose()?;
    let verifier =
        clients::verifier(text.client_auth_type, trusted, &text.client_allowed_sans, provider.clone())?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(text.min_version, text.max_version)?)
        .map_err(|error| error.to_string())?;
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain(&certificates)?, key)
        .map_err(|error| format!("certificate and key: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificates of a PEM text.
fn chain((name, text): &(String, Vec<u8>)) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(format!("{name} holds no certificate")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

fn trusted(text: &(String, Vec<u8>)) -> Result<RootCertStore, String> {
    let mut trusted = RootCertStore::empty();
    for certificate in chain(text)? {
        trusted.add(certificate).map_err(|error| format!("{}: {error}", text.0))?;
    }
    Ok(trusted)
}

fn versions(
    least: Option<TlsVersion>,
    most: Option<TlsVersion>,
) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let (least, most) = (least.unwrap_or(TlsVersion::TLS12), most.unwrap_or(TlsVersion::TLS13));
    let all = [(TlsVersion::TLS12, &version::TLS12), (TlsVersion::TLS13, &version::TLS13)];
    let wanted: Vec<_> =
        all.into_iter().filter(|(one, _)| (least..=most).contains(one)).map(|(_, version)| version).collect();
    if wanted.is_empty() {
        return Err(
            "of min_version to max_version only TLS12 and TLS13 can be spoken: older ones are broken"
                .to_owned(),
        );
    }
    Ok(wanted)
}

/// The ciphers and curves, as far as they are chosen. Names are those of Go.
fn provider(text: &TlsText) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if !text.cipher_suites.is_empty() {
        // Go's names of those of TLS 1.3 lack what rustls calls them after; and Go always offers them.
        let go_name =
            |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
        let all = provider.cipher_suites.clone();
        for name in &text.cipher_suites {
            if !all.iter().any(|suite| go_name(suite) == *name) {
                let known: Vec<String> = all.iter().map(go_name).collect();
                return Err(format!("cipher_suites: {name} is none of {}", known.join(", ")));
            }
        }
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some() || text.cipher_suites.contains(&go_name(suite)));
    }
    if !text.curve_preferences.is_empty() {
        let mut groups = Vec::new();
        for name in &text.curve_preferences {
            let group = match &**name {
                "CurveP256" => NamedGroup::secp256r1,
                "CurveP384" => NamedGroup::secp384r1,
                "X25519" => NamedGroup::X25519,
                _ => {
                    return Err(format!("curve_preferences: {name} is none of CurveP256, CurveP384, X25519"));
                }
            };
            groups.extend(provider.kx_groups.iter().filter(|known| known.name() == group).copied());
        }
        provider.kx_groups = groups;
    }
    Ok(provider)
}
