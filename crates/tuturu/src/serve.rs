//! `tuturu serve`: page, signaling, credential issuer, relay and echo in one process.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Args;
use credential_issuer::{
    Access, Issuer, IssuerArgs, ProviderMetrics, TurnSecrets, app_routes, public_routes,
};
use echo::{Echo, EchoArgs, IceSource};
use relay::RelayArgs;
use service::{
    admin::{Admin, AdminArgs},
    certificate,
    http::{HttpArgs, Server, error::recover_found, serve},
    lifecycle::bind,
    shutdown::Shutdown,
};
use signaling::{InProcess, Issued, IssuerLink, Signaling, SignalingArgs};
use static_asset::{Assets, StaticArgs};
use tokio::net::TcpListener;
use warp::{Filter as _, reply::Response};

use crate::{
    address,
    banner::Banner,
    secrets::kept_or_new,
    tls::{self, TlsArgs},
};

/// Everything in one process.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address to serve the page and signaling on.
    #[arg(
        long,
        env = "TUTURU_LISTEN",
        default_value = "0.0.0.0:8080",
        value_name = "ADDRESS"
    )]
    pub(crate) listen: SocketAddr,

    /// Address under which callers reach the relay and the echo [default: this machine's first one].
    #[arg(long, env = "TUTURU_PUBLIC_IP", value_name = "IP")]
    pub(crate) public_ip: Option<IpAddr>,

    /// Folder to keep generated secrets in, so that calls survive a restart.
    #[arg(long, env = "TUTURU_STATE_DIR", value_name = "FOLDER")]
    pub(crate) state_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) page: StaticArgs,
    #[command(flatten)]
    pub(crate) signaling: SignalingArgs,
    #[command(flatten)]
    pub(crate) issuer: IssuerArgs,
    #[command(flatten)]
    pub(crate) relay: RelayArgs,
    #[command(flatten)]
    pub(crate) echo: EchoArgs,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    #[command(flatten)]
    pub(crate) admin: AdminArgs,
}

pub(crate) async fn run(mut args: ServeArgs) -> anyhow::Result<()> {
    let generated = fill_in_secrets(&mut args)?;
    let public_ip = args.public_ip.unwrap_or_else(address::main_address);
    let turn_secrets = args
        .issuer
        .secrets()?
        .ok_or_else(|| anyhow::anyhow!("no TURN secret"))?;
    let providers = args.issuer.providers()?;
    let https = tls::config(&args.tls, args.state_dir.as_deref(), &address::local())?;

    let listener = bind(args.listen, "--listen").await?;
    let https_listener = match &https {
        Some(_) => Some(bind(args.tls.https_listen, "--https-listen").await?),
        None => None,
    };
    let admin_listener = bind(args.admin.admin_listen, "--admin-listen").await?;

    let shutdown = Shutdown::on_signals()?;
    let mut admin = Admin::new()?;
    if let Some(expiry) = https.as_ref().and_then(|https| https.expiry) {
        certificate::tell(expiry, admin.registry())?;
    }
    let relay = relay::start(
        &args.relay,
        exposed(&turn_secrets),
        public_ip,
        admin.registry(),
    )
    .await?;
    let turn = SocketAddr::new(public_ip, relay.address().port());
    let issuer = args.issuer.issuer(
        providers,
        ["udp", "tcp"]
            .map(|transport| format!("turn:{turn}?transport={transport}"))
            .into(),
        vec![format!("stun:{turn}")],
        ProviderMetrics::new(admin.registry())?,
    )?;
    let issuer = Arc::new(issuer);
    let link = IssuerLink::InProcess(in_process(Arc::clone(&issuer)));
    let signaling = Signaling::start(&args.signaling, link, admin.registry(), shutdown.clone())?;
    let hub = signaling.clone();
    admin.live_when("hub", move || {
        let hub = hub.clone();
        async move { hub.is_live().await }
    });
    let ask = in_process(Arc::clone(&issuer));
    let ice: IceSource = Arc::new(move |client| {
        let asked = ask(client);
        Box::pin(async move { asked.await.configuration.ice_servers.clone() })
    });
    let echo = Echo::start(&args.echo, public_ip, Some(ice), admin.registry()).await?;
    let access = Access::new(args.issuer.credential_rate, None, admin.registry())?;
    let assets = Assets::load(&args.page, admin.registry())?;

    let banner = Banner {
        http: listener.local_addr()?,
        https: https_listener
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose()?,
        admin: admin_listener.local_addr()?,
        turn,
        local: address::local(),
        generated,
        kept: args.state_dir.is_some(),
        self_signed: args.tls.certificate.is_none(),
        private_relay: args.relay.allow_private_peers,
    };

    let security = assets.security().clone();
    let verifier = args.signaling.dialects.jwt.verifier()?;
    let routes = signaling
        .routes()
        .or(app_routes(Arc::clone(&issuer), access.clone(), verifier))
        .unify()
        .or(public_routes(issuer, access))
        .unify()
        .or(echo::routes(&echo))
        .unify()
        .recover(recover_found)
        .unify()
        .or(static_asset::routes(assets))
        .unify()
        .map(move |mut response: Response| {
            security.apply(response.headers_mut());
            response
        });
    let service = warp::service(routes);

    admin.readiness().set(true);
    banner.print()?;
    let limits = args.http;
    let server = |listener, tls| {
        let (limits, shutdown) = (limits.clone(), shutdown.clone());
        serve(
            Server {
                listener,
                tls,
                limits,
                shutdown,
            },
            service.clone(),
        )
    };
    let https = async {
        if let Some(listener) = https_listener {
            server(listener, https.map(|https| https.config)).await;
        }
    };
    let drain = async {
        shutdown.requested().await;
        tokio::join!(signaling.drain(), echo.close());
    };
    // The admin listener has no end of its own: it tells of the drain as well.
    tokio::select! {
        _ = async { tokio::join!(server(listener, None), https, drain) } => {}
        () = admin.serve(admin_listener, shutdown.clone()) => {}
    }
    relay.close().await;
    Ok(())
}

/// Makes the secrets that are not given. Tells whether any was made.
fn fill_in_secrets(args: &mut ServeArgs) -> anyhow::Result<bool> {
    let state = args.state_dir.as_deref();
    let mut generated = false;
    let issuer = &mut args.issuer;
    if issuer.turn_secret.is_none() && issuer.turn_secret_file.is_none() {
        issuer.turn_secret = Some(kept_or_new(state, "turn-secret")?);
        generated = true;
    }
    let signaling = &mut args.signaling;
    if signaling.resume_secret.is_none() && signaling.resume_secret_file.is_none() {
        signaling.resume_secret = Some(kept_or_new(state, "resume-secret")?);
        generated = true;
    }
    Ok(generated)
}

fn exposed(secrets: &TurnSecrets) -> Vec<String> {
    let all = [Some(&secrets.current), secrets.previous.as_ref()];
    all.into_iter()
        .flatten()
        .map(|secret| secret.expose().to_owned())
        .collect()
}

fn in_process(issuer: Arc<Issuer>) -> InProcess {
    Arc::new(move |client| {
        let issuer = Arc::clone(&issuer);
        Box::pin(async move {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |since| since.as_secs());
            let issued = issuer.ice_servers(&client, None, now).await;
            Issued {
                configuration: Arc::new(issued.configuration),
                ttl: issued.ttl,
                failed: issued.failed,
            }
        })
    })
}
