//! The last route: whatever no other one took.

use std::{convert::Infallible, path::Path, sync::Arc};

use anyhow::Context as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use prometheus::{IntCounterVec, Opts, Registry};
use service::http::error::HttpError;
use warp::{Filter, Reply, path::FullPath, reply::Response};

use crate::{
    asset::Asset,
    config::StaticArgs,
    embedded::Embedded,
    folder::Folder,
    path::clean,
    respond::{Keep, respond},
    security::SecurityHeaders,
};

/// Names at the root that belong to other routes: nothing there is ever the page.
const OTHERS: [&str; 9] = [
    "api", "health", "internal", "parties", "party", "webrtc", "whep", "whip", "ws",
];

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
    /// When the folder cannot be read, the policy is no header, or the metric is registered
    /// already.
    pub fn load(args: &StaticArgs, registry: &Registry) -> anyhow::Result<Self> {
        let tree = match &args.web_root {
            None => Tree::Embedded(Arc::new(Embedded::load())),
            Some(root) => {
                let folder = Folder::open(root);
                let folder = folder.with_context(|| format!("cannot read {}", root.display()))?;
                Tree::Folder(Arc::new(folder))
            }
        };
        let security = SecurityHeaders::new(args.web_csp.as_deref(), args.hsts)
            .context("TUTURU_WEB_CSP is not a header value")?;
        let options = Opts::new(
            "tuturu_static_requests_total",
            "Requests for the page, by status.",
        );
        let requests = IntCounterVec::new(options, &["status"])?;
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
        let mut response = self.find(&method, path.as_str(), &request).await;
        self.security.apply(response.headers_mut());
        self.requests
            .with_label_values(&[response.status().as_str()])
            .inc();
        response
    }

    async fn find(&self, method: &Method, path: &str, request: &HeaderMap) -> Response {
        if *method != Method::GET && *method != Method::HEAD {
            let mut response = HttpError::MethodNotAllowed.into_response();
            response
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let Some(name) = clean(path) else {
            return HttpError::NotFound.into_response();
        };
        if OTHERS.contains(&name.split('/').next().unwrap_or_default()) {
            return HttpError::NotFound.into_response();
        }
        let file = if name.is_empty() {
            "index.html"
        } else {
            name.as_str()
        };
        if let Some(response) = self.file(method, request, file).await {
            return response;
        }
        // A page that routes by path is found under every path that looks like one.
        let page = is_navigation(request) && Path::new(&name).extension().is_none();
        let page = if page {
            self.file(method, request, "index.html").await
        } else {
            None
        };
        page.unwrap_or_else(|| HttpError::NotFound.into_response())
    }

    async fn file(&self, method: &Method, request: &HeaderMap, name: &str) -> Option<Response> {
        let serve = |asset: &Asset, keep| respond(method, request, asset, keep);
        match &self.tree {
            Tree::Embedded(files) => {
                let (asset, immutable) = files.find(name)?;
                Some(serve(
                    asset,
                    if immutable {
                        Keep::ForEver
                    } else {
                        Keep::Never
                    },
                ))
            }
            Tree::Folder(folder) => {
                let (folder, name) = (Arc::clone(folder), name.to_owned());
                let reading = tokio::task::spawn_blocking(move || folder.find(&name));
                match reading.await {
                    Ok(asset) => asset.map(|asset| serve(&asset, Keep::Never)),
                    Err(_) => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
                }
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
