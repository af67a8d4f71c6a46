//! How servers are setup: through which proxy, trusting which certificates, and why one was not. One client for AWS,
//! one for what is on this machine or beside it (instance and container metadata), which no proxy may come between.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use permisos_secrets_core::ErrorKind;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, RootCertStore};

/// AWS's own cryptography, which prefers the post-quantum key exchange X25519MLKEM768.
const TLS: Provider = Provider::Rustls(CryptoMode::AwsLc);

/// A connection takes milliseconds, or is not to be had.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Less than the time-out of the call, so that what took the time is known.
pub(crate) fn connect_timeout(timeout: Duration) -> Duration {
    timeout.mul_f64(0.6).min(CONNECT_TIMEOUT)
}

/// Which servers a client is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// Straight to the server, whatever the variables say: metadata services, the agent.
    Direct,
    /// Through the proxy that `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` name, in either case.
    Proxied,
}

/// An HTTP client. TLS is set up at the first request that needs it: reading certificates takes milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None: straight to the server.
    proxies: Option<Matcher>,
    /// The bundle that the AWS profile names.
    ca_bundle: Option<String>,
    tls: OnceLock<Result<TlsContext, String>>,
    connectors: Mutex<HashMap<Key, SharedHttpConnector>>,
}

/// Connectors differ by their time-outs, and by whether they do TLS.
type Key = (Option<Duration>, Option<Duration>, bool);

impl Client {
    pub(crate) fn new(route: Route, ca_bundle: Option<&str>) -> Self {
        Self(Arc::new(Inner {
            proxies: (route == Route::Proxied).then(Matcher::from_env),
            ca_bundle: ca_bundle.map(str::to_owned),
            tls: OnceLock::new(),
            connectors: Mutex::default(),
        }))
    }

    /// A connector with these time-outs. Those of one client share its connections.
    pub(crate) fn connector(&self, settings: &HttpConnectorSettings) -> SharedHttpConnector {
        SharedHttpConnector::new(Routed { client: self.clone(), settings: settings.clone() })
    }

    fn inner_connector(
        &self,
        settings: &HttpConnectorSettings,
        is_tls: bool,
    ) -> Result<SharedHttpConnector, Unreachable> {
        let key = (settings.connect_timeout(), settings.read_timeout(), is_tls);
        let tls = match is_tls.then(|| self.0.tls.get_or_init(|| tls_context(self.0.ca_bundle.as_deref()))) {
            Some(Err(fault)) => return Err(Unreachable::trust(fault)),
            Some(Ok(context)) => Some(context),
            None => None,
        };
        let mut connectors = self.0.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let builder = Connector::builder().connector_settings(settings.clone());
            let proxies = if self.0.proxies.is_some() { ProxyConfig::from_env() } else { ProxyConfig::disabled() };
            let builder = builder.proxy_config(proxies);
            SharedHttpConnector::new(match tls {
                Some(context) => builder.tls_provider(TLS).tls_context(context.clone()).build(),
                None => builder.build_http(),
            })
        };
        Ok(connectors.entry(key).or_insert_with(make).clone())
    }

    /// The proxy that requests to this URI go through.
    fn proxy(&self, uri: &Uri) -> Option<Uri> {
        self.0.proxies.as_ref()?.intercept(uri).map(|proxy| proxy.uri().clone())
    }
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.connector(settings)
    }
}

/// Sends each request by its scheme, and says of one that failed where it was to go and why it did not.
#[derive(Debug)]
struct Routed {
    client: Client,
    settings: HttpConnectorSettings,
}

impl HttpConnector for Routed {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: Uri = request.uri().parse().unwrap_or_default();
        let proxy = self.client.proxy(&uri);
        let is_https = |uri: &Uri| uri.scheme_str() == Some("https");
        let is_tls = is_https(&uri) || proxy.as_ref().is_some_and(is_https);
        match self.client.inner_connector(&self.settings, is_tls) {
            Ok(connector) => {
                let sent = connector.call(request);
                HttpConnectorFuture::new(async move {
                    sent.await.map_err(|error| Unreachable::because(&uri, proxy.as_ref(), &error).around(&error))
                })
            }
            Err(fault) => HttpConnectorFuture::ready(Err(ConnectorError::user(Box::new(fault)))),
        }
    }
}

/// Why a server gave no answer: the one text about it, for errors, events, health and the tool alike.
#[derive(Clone, Debug)]
pub(crate) struct Unreachable {
    /// `found no connection to host:port: …`, in our own words.
    message: String,
    pub(crate) kind: ErrorKind,
    pub(crate) cause: Cause,
}

/// What went wrong on the way to a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    Certificate(&'static str),
    Closed,
    ConnectTimeout,
    NoRoute,
    NotFound,
    NotTls,
    ProxyAuthentication,
    ProxyRefusal,
    ReadTimeout,
    Refused,
    Trust,
    Unknown,
}

impl Unreachable {
    fn trust(fault: &str) -> Self {
        Self { message: format!("was not sent: {fault}"), kind: ErrorKind::ConfigInvalid, cause: Cause::Trust }
    }

    fn because(uri: &Uri, proxy: Option<&Uri>, error: &ConnectorError) -> Self {
        let cause = Cause::of(error);
        let (server, via) = (place(uri), proxy.map(place));
        // The way to the server itself is behind a proxy, where only the proxy sees it.
        let target =
            via.as_ref().map_or_else(|| server.clone(), |via| format!("the proxy {via} (HTTPS_PROXY, HTTP_PROXY)"));
        let message = match cause {
            Cause::Certificate(what) => format!("found no connection to {server}: {what}"),
            Cause::Closed => format!("found no connection to {target}: it was closed before an answer came"),
            Cause::ConnectTimeout => match via {
                Some(_) => format!("timed out while connecting to {server}: {target} did not answer"),
                None => format!(
                    "timed out while connecting to {server}: check the route, the security group, and that the subnet \
                     has a NAT gateway or a VPC endpoint"
                ),
            },
            Cause::NoRoute => {
                format!("found no connection to {target}: there is no route; check the network and the subnet")
            }
            Cause::NotFound => {
                format!("found no connection to {target}: its name was not found; check the region, the name and DNS")
            }
            Cause::NotTls => {
                format!("found no connection to {server}: it did not answer with TLS that both sides know")
            }
            Cause::ProxyAuthentication => format!(
                "found no connection to {server}: {target} asks for a user name and password; give them as \
                 http://user:password@host:port"
            ),
            Cause::ProxyRefusal => format!(
                "found no connection to {server}: {target} refused it; allow the host there, or name it in NO_PROXY"
            ),
            Cause::ReadTimeout => format!("got no answer from {server} in time"),
            Cause::Refused => {
                format!("found no connection to {target}: it refused the connection; check host and port")
            }
            Cause::Trust | Cause::Unknown => format!("found no connection to {target}"),
        };
        let kind = match cause {
            Cause::ConnectTimeout | Cause::ReadTimeout => ErrorKind::Timeout,
            Cause::Trust => ErrorKind::ConfigInvalid,
            _ => ErrorKind::Unavailable,
        };
        Self { message, kind, cause }
    }

    /// The connector's error with this as its reason. What the SDK reads from the error stays.
    fn around(self, error: &ConnectorError) -> ConnectorError {
        let reason = Box::new(self);
        if error.is_timeout() {
            ConnectorError::timeout(reason)
        } else if error.is_user() {
            ConnectorError::user(reason)
        } else if error.is_io() {
            ConnectorError::io(reason)
        } else {
            ConnectorError::other(reason, error.as_other())
        }
    }

    /// Why, if that is why an SDK's call failed.
    pub(crate) fn in_causes_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Self> {
        causes(error).find_map(|cause| cause.downcast_ref())
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Unreachable {}

impl Cause {
    fn of(error: &ConnectorError) -> Self {
        causes(error).find_map(Self::of_one).unwrap_or(if error.is_timeout() {
            Self::ReadTimeout
        } else {
            Self::Unknown
        })
    }

    fn of_one(error: &(dyn StdError + 'static)) -> Option<Self> {
        match error.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(fault)) => return Some(Self::Certificate(certificate_fault(fault))),
            Some(_) => return Some(Self::NotTls),
            None => {}
        }
        // Errors that hyper-util and the SDK keep to themselves: only their text distinguishes them.
        match error.to_string().as_str() {
            "dns error" => return Some(Self::NotFound),
            "tunnel error: proxy authorization required" => return Some(Self::ProxyAuthentication),
            "tunnel error: proxy response headers too long" | "tunnel error: unsuccessful" => {
                return Some(Self::ProxyRefusal);
            }
            "tunnel error: unexpected end of file" => return Some(Self::Closed),
            text if text.starts_with("HTTP connect timeout") => return Some(Self::ConnectTimeout),
            text if text.starts_with("HTTP read timeout") => return Some(Self::ReadTimeout),
            _ => {}
        }
        Some(match error.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            io::ErrorKind::TimedOut => Self::ConnectTimeout,
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => return None,
        })
    }
}

fn certificate_fault(fault: &CertificateError) -> &'static str {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, or this machine's clock is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another host"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, or this machine's clock is wrong"
        }
        _ => {
            "its certificate is not trusted; if a CA of your own signs it, name the CA's PEM file in AWS_CA_BUNDLE or \
             NODE_EXTRA_CA_CERTS"
        }
    }
}

/// `host:port`; never what else a URI holds, a password for one.
fn place(uri: &Uri) -> String {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or("an unnamed host"))
}

/// An error and what caused it, in turn.
pub(crate) fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
    // An I/O error hides the one that it wraps.
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The certificates that a server's has to lead to (docs/security.md says which wins). What is handed over is known to
/// be readable: the connector panics at what is not.
fn tls_context(ca_bundle: Option<&str>) -> Result<TlsContext, String> {
    let mut certificates = match bundle(ca_bundle) {
        Some((name, path)) => read(&path).map_err(|what| format!("{name} names {}, which {what}", path.display()))?,
        None => system(),
    };
    if let Some(path) = path_of("NODE_EXTRA_CA_CERTS") {
        match read(&path) {
            Ok(extra) => certificates.extend(extra),
            // As Node.js: what is extra is not worth a failure.
            Err(what) => tracing::warn!("NODE_EXTRA_CA_CERTS names {}, which {what}: ignored", path.display()),
        }
    }
    let pem: String = certificates.iter().map(|certificate| to_pem(certificate)).collect();
    let store = TrustStore::empty().with_pem_certificate(pem);
    TlsContext::builder().with_trust_store(store).build().map_err(|_| "TLS cannot be set up".to_owned())
}

/// The bundle that stands in for the system's certificates, and what names it.
fn bundle(of_profile: Option<&str>) -> Option<(&'static str, PathBuf)> {
    let of_variable = path_of("AWS_CA_BUNDLE").map(|path| ("AWS_CA_BUNDLE", path));
    of_variable.or_else(|| Some(("`ca_bundle` of the AWS profile", PathBuf::from(of_profile?))))
}

fn path_of(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Those of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`; where there are none, as in a slim image, Mozilla's.
fn system() -> Vec<CertificateDer<'static>> {
    let mut certificates = rustls_native_certs::load_native_certs().certs;
    certificates.retain(is_readable);
    if certificates.is_empty() {
        certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
    }
    certificates
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot be read ({})", error.kind()))?;
    let mut certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).flatten().collect();
    certificates.retain(is_readable);
    if certificates.is_empty() { Err("holds no certificate in PEM".to_owned()) } else { Ok(certificates) }
}

fn is_readable(certificate: &CertificateDer<'_>) -> bool {
    RootCertStore::empty().add(certificate.clone().into_owned()).is_ok()
}

fn to_pem(certificate: &CertificateDer<'_>) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
}
