//! The flags and variables of the providers.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use service::config::duration;

use crate::{
    provider::ProviderName,
    request::{BaseUrl, Token},
};

/// Where ICE servers come from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "ICE providers")]
pub struct ProviderArgs {
    /// Who gives TURN credentials, comma separated, in the order they are asked until one
    /// answers: coturn, cloudflare, hugging-face, twilio, static; or none, for STUN only.
    /// coturn and static always answer: what stands behind them is never asked.
    #[arg(
        long,
        env = "TUTURU_ICE_PROVIDERS",
        value_delimiter = ',',
        default_value = "coturn",
        value_name = "NAME"
    )]
    pub ice_providers: Vec<ProviderName>,

    /// A provider that does not answer within this time has failed.
    #[arg(long, env = "TUTURU_PROVIDER_TIMEOUT", default_value = "3s", value_parser = duration, value_name = "TIME")]
    pub provider_timeout: Duration,

    /// The list of `static`: a JSON array of RTCIceServer objects.
    #[arg(
        long,
        env = "TUTURU_ICE_SERVERS",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub ice_servers: Option<Token>,

    /// File that holds the list of `static`.
    #[arg(long, env = "TUTURU_ICE_SERVERS_FILE", value_name = "FILE")]
    pub ice_servers_file: Option<PathBuf>,

    /// Cloudflare: the ID of the TURN key.
    #[arg(
        long,
        env = "CLOUDFLARE_TURN_KEY_ID",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub cloudflare_turn_key_id: Option<Token>,

    /// File that holds the ID of the TURN key.
    #[arg(long, env = "CLOUDFLARE_TURN_KEY_ID_FILE", value_name = "FILE")]
    pub cloudflare_turn_key_id_file: Option<PathBuf>,

    /// Cloudflare: the API token of the TURN key.
    #[arg(
        long,
        env = "CLOUDFLARE_TURN_API_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub cloudflare_turn_api_token: Option<Token>,

    /// File that holds the API token of the TURN key.
    #[arg(long, env = "CLOUDFLARE_TURN_API_TOKEN_FILE", value_name = "FILE")]
    pub cloudflare_turn_api_token_file: Option<PathBuf>,

    /// Cloudflare: the API token, by the other name that is in use for it.
    #[arg(
        long,
        env = "CLOUDFLARE_TURN_KEY_API_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub cloudflare_turn_key_api_token: Option<Token>,

    /// File that holds the API token, by its other name.
    #[arg(long, env = "CLOUDFLARE_TURN_KEY_API_TOKEN_FILE", value_name = "FILE")]
    pub cloudflare_turn_key_api_token_file: Option<PathBuf>,

    /// Cloudflare's base URL.
    #[arg(
        long,
        env = "TUTURU_CLOUDFLARE_URL",
        default_value = "https://rtc.live.cloudflare.com",
        value_name = "URL"
    )]
    pub cloudflare_url: BaseUrl,

    /// Hugging Face: an access token.
    #[arg(long, env = "HF_TOKEN", hide_env_values = true, value_name = "SECRET")]
    pub hf_token: Option<Token>,

    /// File that holds the access token of Hugging Face.
    #[arg(long, env = "HF_TOKEN_FILE", value_name = "FILE")]
    pub hf_token_file: Option<PathBuf>,

    /// Hugging Face's base URL.
    #[arg(
        long,
        env = "TUTURU_HUGGING_FACE_URL",
        default_value = "https://turn.fastrtc.org",
        value_name = "URL"
    )]
    pub hugging_face_url: BaseUrl,

    /// Twilio: the SID of the account.
    #[arg(
        long,
        env = "TWILIO_ACCOUNT_SID",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub twilio_account_sid: Option<Token>,

    /// File that holds the SID of the account.
    #[arg(long, env = "TWILIO_ACCOUNT_SID_FILE", value_name = "FILE")]
    pub twilio_account_sid_file: Option<PathBuf>,

    /// Twilio: the token of the account.
    #[arg(
        long,
        env = "TWILIO_AUTH_TOKEN",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    pub twilio_auth_token: Option<Token>,

    /// File that holds the token of the account.
    #[arg(long, env = "TWILIO_AUTH_TOKEN_FILE", value_name = "FILE")]
    pub twilio_auth_token_file: Option<PathBuf>,

    /// Twilio's base URL.
    #[arg(
        long,
        env = "TUTURU_TWILIO_URL",
        default_value = "https://api.twilio.com",
        value_name = "URL"
    )]
    pub twilio_url: BaseUrl,
}
