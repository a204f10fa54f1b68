//! Requests: one answer for one URL, over kept connections, through proxies, along redirects.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use consign_bits::{ErrorContext, SecurityFlags, ShownUrl, bits, describe, wininet};
use consign_core::common;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use tokio::time::timeout;
use url::Url;

use super::{
    address::{Address, Scheme},
    connect::Connector,
    head::{self, Answer, Asked, Decision},
    pool::{After, Connection, Key, Pool},
    proxy::{Route, routes},
    task::{FileFacts, JobContext, Retry},
    tls::{Protocols, Tls},
    trouble::Trouble,
};
use crate::settings::FetchSettings;

/// Asks servers.
#[derive(Debug)]
pub(super) struct Client {
    connector: Connector,
    pool: Pool,
    redirects: u32,
    stall_timeout: Duration,
    user_agent: HeaderValue,
}

/// An answer that was not a redirect and not a refusal.
#[derive(Debug)]
pub(super) struct Answered {
    /// What to do with it.
    pub(super) decision: Decision,
    /// What follows.
    pub(super) body: Reader,
    /// Where redirects led, if anywhere.
    pub(super) final_url: Option<String>,
    /// The date of the last change.
    pub(super) modified: Option<SystemTime>,
    /// For HEAD: what it tells of the file.
    pub(super) facts: FileFacts,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Reader {
    body: Incoming,
    connection: Connection,
    key: Key,
    stall_timeout: Duration,
    pool: Pool,
}

/// The body of a redirect or refusal is read up to this size and for this time, so that its
/// connection can be kept.
const DRAIN: usize = 64 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(2);

impl Client {
    pub(super) fn new(settings: &FetchSettings) -> Result<Self, consign_bits::Failure> {
        let user_agent = HeaderValue::from_str(&settings.user_agent)
            .map_err(|_| consign_bits::Failure::refused(common::E_INVALIDARG, "fetch.user_agent has characters that no header may have"))?;
        // Zero would mean that nothing ever succeeds.
        let seconds = |seconds: u32| Duration::from_secs(seconds.max(1).into());
        let protocols = if settings.http2 { Protocols::Http1And2 } else { Protocols::Http1 };
        Ok(Self {
            connector: Connector::new(seconds(settings.connect_timeout), Tls::new(settings.ca_file.clone(), protocols)),
            pool: Pool::default(),
            redirects: settings.redirects,
            stall_timeout: seconds(settings.stall_timeout),
            user_agent,
        })
    }

    /// Asks `url` for what `asked` says, follows redirects as the job allows, and decides what the
    /// answer means for what was `known`.
    pub(super) async fn ask(
        &self,
        url: &Url,
        context: &JobContext,
        method: &Method,
        asked: Asked,
        known: &FileFacts,
    ) -> Result<Answered, Trouble> {
        let mut address = Address::of(url.clone()).ok_or_else(|| {
            let sentence = format!("{} is not a URL of http or https", ShownUrl(url.as_str()));
            Trouble::fatal(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile, sentence)
        })?;
        let mut authorization = address.authorization();
        let mut visited = HashSet::new();
        loop {
            let (response, connection, key) =
                self.send(&address, context, &|request| fill(request, method, asked, known, authorization.as_ref())).await?;
            let (head, body) = response.into_parts();
            let answer = Answer { status: head.status.as_u16(), headers: &head.headers, length: body.size_hint().exact() };
            let now = SystemTime::now();
            let decision = head::decide(asked, known, answer, now);
            let reader = Reader { body, connection, key, stall_timeout: self.stall_timeout, pool: self.pool.clone() };
            match decision {
                Decision::Refused { retry } => {
                    reader.drain().await;
                    return Err(refused(answer.status, retry, &address));
                }
                Decision::Redirect { to } => {
                    reader.drain().await;
                    let next = redirected(&address, &to, answer.status, context.security)?;
                    visited.insert(address.plain());
                    if visited.len() > self.redirects as usize || !visited.insert(next.plain()) {
                        let sentence = format!("the redirects from {} lead in a circle, or too far", ShownUrl(url.as_str()));
                        return Err(Trouble::fatal(wininet::WININET_E_REDIRECT_FAILED, ErrorContext::RemoteFile, sentence));
                    }
                    // Credentials of the URL are for its own server; those in a redirect for that one.
                    let own = next.authorization();
                    if own.is_some() || next.origin != address.origin {
                        authorization = own;
                    }
                    address = next;
                }
                decision => {
                    let final_url = (address.url != *url).then(|| address.url.to_string());
                    let facts = FileFacts { final_url: final_url.clone(), ..head::facts(&head.headers, now) };
                    return Ok(Answered { decision, body: reader, final_url, modified: head::last_modified(&head.headers), facts });
                }
            }
        }
    }

    /// Sends one request by the first route that leads there.
    async fn send(
        &self,
        address: &Address,
        context: &JobContext,
        fill: &(dyn Fn(&mut Request<Empty<Bytes>>) + Send + Sync),
    ) -> Result<(Response<Incoming>, Connection, Key), Trouble> {
        let mut trouble = None;
        for route in routes(&address.origin, context)? {
            let key = (address.origin.clone(), route);
            match self.send_by(address, &key, fill).await {
                Ok((response, connection)) => return Ok((response, connection, key)),
                Err(next) if next.retry == Retry::Never => return Err(next),
                Err(next) => trouble = Some(next),
            }
        }
        Err(trouble.unwrap_or_else(|| Trouble::cut(&address.origin.host)))
    }

    async fn send_by(
        &self,
        address: &Address,
        key: &Key,
        fill: &(dyn Fn(&mut Request<Empty<Bytes>>) + Send + Sync),
    ) -> Result<(Response<Incoming>, Connection), Trouble> {
        let host = &address.origin.host;
        let mut kept = self.pool.take(key);
        loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.connector.connect(&key.0, &key.1).await?,
            };
            let mut request = self.request(address, &key.1, connection.is_http2())?;
            fill(&mut request);
            match timeout(self.stall_timeout, connection.send(request)).await {
                Ok(Ok(response)) => return Ok((response, connection)),
                // A kept connection had gone stale: the server never saw the request, or asking
                // once more does no harm. The next one is fresh.
                Ok(Err(_)) | Err(_) if connection.is_used => {}
                Ok(Err(error)) if error.is_parse() => {
                    return Err(Trouble::lie(format!("the answer of {host} is not one of HTTP: {error}")));
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "no answer");
                    return Err(Trouble::cut(host));
                }
                Err(_) => return Err(Trouble::timed_out(&format!("{host} did not answer"), self.stall_timeout)),
            }
        }
    }

    /// A request with what depends on the way and not on the file.
    fn request(&self, address: &Address, route: &Route, is_http2: bool) -> Result<Request<Empty<Bytes>>, Trouble> {
        let proxied = match route {
            Route::Through(proxy) if address.origin.scheme == Scheme::Http => Some(proxy),
            _ => None,
        };
        let target = if is_http2 || proxied.is_some() { address.absolute() } else { address.path_and_query() };
        let invalid = || {
            let sentence =
                format!("{} cannot be asked for: the URL is too long or has characters to be escaped", ShownUrl(address.url.as_str()));
            Trouble::fatal(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile, sentence)
        };
        let mut request = Request::builder().uri(target).body(Empty::new()).map_err(|_| invalid())?;
        let headers = request.headers_mut();
        if !is_http2 {
            headers.insert(header::HOST, HeaderValue::from_str(&address.origin.authority()).map_err(|_| invalid())?);
        }
        headers.insert(header::USER_AGENT, self.user_agent.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        // Anything else has other bytes, and so other ranges and another size.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(authorization) = proxied.and_then(|proxy| proxy.authorization.clone()) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        Ok(request)
    }
}

impl Reader {
    /// The server that sends it.
    pub(super) fn host(&self) -> &str {
        &self.key.0.host
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            match timeout(self.stall_timeout, self.body.frame()).await {
                Err(_) => return Err(Trouble::stalled(self.host(), self.stall_timeout)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "the body broke off");
                    return Err(Trouble::cut(self.host()));
                }
                // Trailers tell nothing that is needed.
                Ok(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// Gives the connection back after the end of the body.
    pub(super) async fn finish(self) -> After {
        self.pool.put(self.key, self.connection).await
    }

    /// Reads a short body that nobody wants, so that the connection can be kept.
    pub(super) async fn drain(mut self) {
        let read = async {
            let mut left = DRAIN;
            while let Some(bytes) = self.next().await? {
                left = left.checked_sub(bytes.len()).ok_or_else(|| Trouble::cut(self.host()))?;
            }
            Ok::<(), Trouble>(())
        };
        if matches!(timeout(DRAIN_TIME, read).await, Ok(Ok(()))) {
            self.finish().await;
        }
    }
}

/// What depends on the file.
fn fill(request: &mut Request<Empty<Bytes>>, method: &Method, asked: Asked, known: &FileFacts, authorization: Option<&HeaderValue>) {
    *request.method_mut() = method.clone();
    let headers = request.headers_mut();
    if let Some(authorization) = authorization {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let range = match asked {
        Asked::Whole => return,
        Asked::Rest { from } | Asked::Part { from, end: None } => format!("bytes={from}-"),
        Asked::Part { from, end: Some(end) } => format!("bytes={from}-{}", end.saturating_sub(1)),
    };
    if let Ok(range) = HeaderValue::from_str(&range) {
        headers.insert(header::RANGE, range);
    }
    let validator = known.validator.etag.as_ref().or(known.validator.last_modified.as_ref());
    if let Some(value) = validator.and_then(|validator| HeaderValue::from_str(validator).ok()) {
        headers.insert(header::IF_RANGE, value);
    }
}

/// Where a redirect leads, if the job allows it.
fn redirected(from: &Address, to: &str, status: u16, security: SecurityFlags) -> Result<Address, Trouble> {
    let fatal = |code, sentence: String| Trouble::fatal(code, ErrorContext::RemoteFile, sentence);
    let mut url = from.url.join(to).map_err(|error| {
        let sentence = format!("{} redirects to an address that is not valid: {error}", ShownUrl(from.url.as_str()));
        fatal(wininet::WININET_E_REDIRECT_FAILED, sentence)
    })?;
    url.set_fragment(None);
    if security.contains(SecurityFlags::REDIRECT_DISALLOW) {
        let sentence = format!(
            "{} redirects to {}, and the job forbids redirects; resume it to accept the new address",
            ShownUrl(from.url.as_str()),
            ShownUrl(url.as_str())
        );
        return Err(Trouble { redirect: Some(url.to_string()), ..fatal(bits::http_error(status), sentence) });
    }
    let shown = format!("{} redirects to {}", ShownUrl(from.url.as_str()), ShownUrl(url.as_str()));
    let Some(next) = Address::of(url) else {
        return Err(fatal(wininet::WININET_E_HTTPS_HTTP_SUBMIT_REDIR, format!("{shown}; only http and https are followed")));
    };
    let is_downgrade = from.origin.scheme == Scheme::Https && next.origin.scheme == Scheme::Http;
    if is_downgrade && !security.contains(SecurityFlags::REDIRECT_ALLOW_HTTPS_TO_HTTP) {
        let sentence = format!("{shown}, which is not encrypted; allow redirects from https to http if that is wanted");
        return Err(fatal(wininet::WININET_E_REDIRECT_SCHEME_CHANGE, sentence));
    }
    Ok(next)
}

/// A status that is a failure.
fn refused(status: u16, retry: Retry, address: &Address) -> Trouble {
    let code = bits::http_error(status);
    let advice = match status {
        401 => "; put user name and password into the URL",
        407 => "; put user name and password into the proxy setting",
        _ => "",
    };
    let sentence = format!("{} (status {status} for {}){advice}", describe(code).sentence, ShownUrl(address.url.as_str()));
    Trouble { retry, ..Trouble::fatal(code, ErrorContext::RemoteFile, sentence) }
}
