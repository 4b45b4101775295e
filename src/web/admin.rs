//! Who may act: whoever shows the admin token.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use thiserror::Error;

use super::routes::{Sources, text};
use crate::telemetry::logs::Filter;

/// The token by which an administrator is known: only a hash of it, which cannot be printed (P10).
pub struct AdminToken([u8; 32]);

impl AdminToken {
    pub fn new(token: &SecretString) -> Self {
        let mac = keyed_by(token.expose_secret().as_bytes());
        AdminToken(mac.finalize().into_bytes().into())
    }

    /// Takes the same time however much of it is right.
    fn is(&self, shown: &[u8]) -> bool {
        keyed_by(shown).verify_slice(&self.0).is_ok()
    }
}

fn keyed_by(token: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(token).expect("HMAC takes keys of any length")
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(..)")
    }
}

/// A handler that takes one is run only for a request with the token.
pub struct Admin {
    pub log: Filter,
}

/// Why a request is not the administrator's.
#[derive(Clone, Copy, Debug, Error)]
pub enum Refused {
    #[error("nobody may do that: GREENROOM_ADMIN_TOKEN is not set")]
    NoToken,
    #[error("the admin token is missing or wrong: send it as `Authorization: Bearer TOKEN`")]
    Unknown,
}

impl FromRequest for Admin {
    type Error = Refused;
    type Future = Ready<Result<Admin, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sources = request.app_data::<Data<Sources>>();
        let admin = sources.and_then(|sources| sources.admin.as_ref());
        ready(match (admin, shown(request)) {
            (None, _) => Err(Refused::NoToken),
            (Some((token, log)), Some(shown)) if token.is(shown) => Ok(Admin { log: log.clone() }),
            _ => Err(Refused::Unknown),
        })
    }
}

/// The token that a request carries. A scheme's name is read in any case (RFC 9110, 11.1).
fn shown(request: &HttpRequest) -> Option<&[u8]> {
    let authorization = request.headers().get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = authorization.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(token)
}

const BEARER: &[u8] = b"Bearer ";

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Refused::NoToken => StatusCode::FORBIDDEN,
            Refused::Unknown => StatusCode::UNAUTHORIZED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = text(self.status_code(), &self.to_string());
        if let Refused::Unknown = self {
            let scheme = HeaderValue::from_static("Bearer");
            answer.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}
