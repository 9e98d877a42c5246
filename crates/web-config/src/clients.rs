//! Which clients may connect: what certificates they have to show.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use serde::Deserialize;

/// What is asked of a client, by Go's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum ClientAuth {
    /// Nothing.
    #[default]
    #[serde(alias = "")]
    NoClientCert,
    /// A certificate, if he has one; whatever one.
    RequestClientCert,
    /// A certificate, whatever one.
    #[serde(alias = "RequireClientCert")]
    RequireAnyClientCert,
    /// A certificate, if he has one; a good one.
    VerifyClientCertIfGiven,
    /// A good certificate.
    RequireAndVerifyClientCert,
}

/// Who checks the certificates of clients.
pub(crate) fn verifier(
    wanted: ClientAuth,
    trusted: Option<RootCertStore>,
    allowed: &[String],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let names: Result<Vec<ServerName<'static>>, String> = allowed
        .iter()
        .map(|name| {
            ServerName::try_from(name.clone())
                .map_err(|_| format!("client_allowed_sans: {name:?} is neither a DNS name nor an address"))
        })
        .collect();
    let names = names?;
    let verifying =
        matches!(wanted, ClientAuth::VerifyClientCertIfGiven | ClientAuth::RequireAndVerifyClientCert);
    let inner = match (wanted, trusted) {
        (ClientAuth::NoClientCert, None) => return Ok(WebPkiClientVerifier::no_client_auth()),
        // As the toolkit: to trust somebody's certificates and to ask for none is a mistake.
        (ClientAuth::NoClientCert, Some(_)) => {
            return Err("client_ca_file is there, and client_auth_type asks for no certificate".to_owned());
        }
        (_, None) if verifying => {
            return Err("client_auth_type verifies certificates, and client_ca_file is missing".to_owned());
        }
        (_, Some(trusted)) if verifying => {
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), provider.clone());
            let builder = match wanted {
                ClientAuth::VerifyClientCertIfGiven => builder.allow_unauthenticated(),
                _ => builder,
            };
            Some(builder.build().map_err(|error| format!("client_ca_file: {error}"))?)
        }
        _ => None,
    };
    let required =
        matches!(wanted, ClientAuth::RequireAnyClientCert | ClientAuth::RequireAndVerifyClientCert);
    Ok(Arc::new(Clients { inner, required, names, provider }))
}

/// Checks the certificates of clients.
struct Clients {
    /// Checks who has signed them; none for whoever.
    inner: Option<Arc<dyn ClientCertVerifier>>,
    required: bool,
    /// One of these has to be in the certificate, if there are any.
    names: Vec<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.as_ref().map_or(&[], |inner| inner.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(inner) = &self.inner {
            inner.verify_client_cert(certificate, between, now)?;
        }
        if !self.names.is_empty() {
            let parsed = ParsedCertificate::try_from(certificate)?;
            if !self.names.iter().any(|name| verify_server_name(&parsed, name).is_ok()) {
                return Err(Error::General("none of client_allowed_sans is in the certificate".to_owned()));
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("required", &self.required)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
