//! Takes spans over HTTP and throws them away: in the bench's own process, whose CPU nobody counts.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer};

/// More than an export is long, in bytes.
const LARGEST: usize = 64 << 20;

/// Listens for as long as the process lives.
pub struct Collector {
    endpoint: String,
    requests: Arc<AtomicU64>,
}

impl Collector {
    pub fn listen() -> Collector {
        let requests = Arc::<AtomicU64>::default();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Data::from(requests.clone());
        thread::spawn(|| serve(listener, shared));
        Collector {
            endpoint: format!("http://{address}"),
            requests,
        }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// How often spans have come.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(listener: TcpListener, requests: Data<AtomicU64>) {
    let app = move || {
        App::new()
            .app_data(requests.clone())
            .app_data(PayloadConfig::new(LARGEST))
            .route("/v1/traces", web::post().to(take))
    };
    let server = HttpServer::new(app).workers(1).disable_signals();
    let server = server.listen(listener).expect("a server");
    let served = actix::System::new().block_on(server.run());
    served.expect("it serves to the end");
}

async fn take(requests: Data<AtomicU64>, _: Bytes) -> HttpResponse {
    requests.fetch_add(1, Ordering::Relaxed);
    HttpResponse::Ok().finish()
}
