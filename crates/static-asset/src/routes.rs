//! The last route: whatever no other one took.

use std::{convert::Infallible, io, path::Path, sync::Arc};

use http::{HeaderMap, HeaderValue, Method, header};
use prometheus::{IntCounterVec, Opts, Registry};
use service::{config::ConfigError, http::error::HttpError};
use warp::{Filter, Reply as _, path::FullPath, reply::Response};

use crate::{
    config::StaticArgs,
    embedded::{Embedded, PREFIX},
    encoding::Encoding,
    folder::Folder,
    path::clean,
    respond::{Keep, respond},
    security::SecurityHeaders,
};

/// Names at the root that belong to other routes: nothing there is ever the page.
const OTHERS: [&str; 9] = [
    "api", "health", "internal", "parties", "party", "webrtc", "whep", "whip", "ws",
];

/// The page of the root, of a folder, and of every path that is no file.
const PAGE: &str = "index.html";

/// The method and the headers of a request.
type Asked = (Method, HeaderMap);

/// The page, wherever it comes from. Cheap to clone.
#[derive(Clone)]
pub struct Assets {
    tree: Tree,
    security: SecurityHeaders,
    requests: IntCounterVec,
}

#[derive(Clone)]
enum Tree {
    Embedded(Arc<Embedded>),
    Folder(Arc<Folder>),
}

impl Assets {
    /// Prepares the page.
    ///
    /// # Errors
    /// [`ConfigError`] when the folder cannot be read or the policy is no header; another
    /// when the metric is registered already.
    pub fn load(args: &StaticArgs, registry: &Registry) -> anyhow::Result<Self> {
        let tree = match &args.web_root {
            None => Tree::Embedded(Arc::new(Embedded::load())),
            Some(root) => {
                let folder = Folder::open(root).map_err(|error| {
                    let root = root.display();
                    ConfigError::new(format!("TUTURU_WEB_ROOT: cannot read {root}: {error}"))
                })?;
                if !root.join(PAGE).is_file() {
                    tracing::warn!("there is no {PAGE} in the folder of TUTURU_WEB_ROOT");
                }
                Tree::Folder(Arc::new(folder))
            }
        };
        let security = SecurityHeaders::new(args.web_csp.as_deref(), args.hsts);
        let security =
            security.map_err(|_| ConfigError::new("TUTURU_WEB_CSP is not a header value"))?;
        let options = Opts::new(
            "tuturu_static_requests_total",
            "Requests for the page, by class of status and form of the answer.",
        );
        let requests = IntCounterVec::new(options, &["status", "encoding"])?;
        registry.register(Box::new(requests.clone()))?;
        Ok(Self {
            tree,
            security,
            requests,
        })
    }

    /// Headers for other routes' answers too.
    #[must_use]
    pub fn security(&self) -> &SecurityHeaders {
        &self.security
    }

    async fn answer(self, method: Method, path: FullPath, request: HeaderMap) -> Response {
        let asked = (method, request);
        let found = self.find(&asked, path.as_str()).await;
        let mut response = found.unwrap_or_else(warp::Reply::into_response);
        self.security.apply_for(&asked.1, response.headers_mut());
        self.count(&response);
        response
    }

    fn count(&self, response: &Response) {
        let status = match response.status().as_u16() {
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        let encoding = match encoding.map(HeaderValue::as_bytes) {
            Some(b"br") => Encoding::Brotli,
            Some(b"gzip") => Encoding::Gzip,
            _ => Encoding::Identity,
        };
        let labels = [status, encoding.name()];
        self.requests.with_label_values(&labels).inc();
    }

    async fn find(&self, asked: &Asked, path: &str) -> Result<Response, HttpError> {
        let name = clean(path).ok_or(HttpError::NotFound)?;
        if OTHERS.contains(&name.split('/').next().unwrap_or_default()) {
            return Err(HttpError::NotFound);
        }
        if asked.0 != Method::GET && asked.0 != Method::HEAD {
            let mut refused = HttpError::MethodNotAllowed.into_response();
            let allowed = HeaderValue::from_static("GET, HEAD");
            refused.headers_mut().insert(header::ALLOW, allowed);
            return Ok(refused);
        }
        let file = if name.is_empty() || name.ends_with('/') {
            format!("{name}{PAGE}")
        } else {
            name.clone()
        };
        if let Some(response) = self.file(asked, file).await? {
            return Ok(response);
        }
        // A page that routes by path is found under every path that looks like one. What an
        // old page asks of an old release is gone, though.
        let gone = matches!(self.tree, Tree::Embedded(_)) && name.starts_with(PREFIX);
        if gone || Path::new(&name).extension().is_some() || !is_navigation(&asked.1) {
            return Err(HttpError::NotFound);
        }
        let page = self.file(asked, PAGE.into()).await?;
        page.ok_or(HttpError::NotFound)
    }

    async fn file(&self, asked: &Asked, name: String) -> Result<Option<Response>, HttpError> {
        match &self.tree {
            Tree::Embedded(files) => Ok(files.find(&name).map(|(asset, immutable)| {
                let keep = if immutable {
                    Keep::ForEver
                } else {
                    Keep::Never
                };
                respond(&asked.0, &asked.1, asset, keep)
            })),
            Tree::Folder(folder) => {
                let (folder, (method, request)) = (Arc::clone(folder), asked.clone());
                let work = move || {
                    let asset = folder.find(&name).inspect_err(|error| {
                        tracing::warn!(file = name, kind = %error.kind(), "cannot serve a file");
                    })?;
                    Ok(asset.map(|asset| respond(&method, &request, &asset, Keep::Never)))
                };
                let work = tokio::task::spawn_blocking(work).await;
                work.unwrap_or_else(|error| Err(io::Error::other(error)))
                    .map_err(|_| HttpError::Internal)
            }
        }
    }
}

fn is_navigation(request: &HeaderMap) -> bool {
    let accept = request
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Answers everything.
pub fn routes(assets: Assets) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .then(move |method, path, request| assets.clone().answer(method, path, request))
}
