//! Certificates, and a door in front of a collector that speaks TLS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use native_tls::{Identity, TlsAcceptor};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Name};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// A certificate for 127.0.0.1, signed by its own key, in files.
pub struct Papers {
    folder: TempDir,
    certificate: X509,
    key: PKey<Private>,
}

impl Papers {
    pub fn draw_up() -> Papers {
        let (certificate, key) = certify().expect("OpenSSL signs");
        let papers = Papers {
            folder: TempDir::new().expect("a folder"),
            certificate,
            key,
        };
        let (certificate, key) = papers.pem();
        std::fs::write(papers.certificate(), certificate).expect("room on the disk");
        std::fs::write(papers.key(), key).expect("room on the disk");
        papers
    }

    /// The file that holds it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The file that holds its key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    pub fn x509(&self) -> &X509 {
        &self.certificate
    }

    pub fn private_key(&self) -> &PKey<Private> {
        &self.key
    }

    /// Listens on a port of its own, under this certificate, and hands what it hears to `inner`,
    /// for as long as the process lives.
    pub fn open_door(&self, inner: SocketAddr) -> SocketAddr {
        let (certificate, key) = self.pem();
        let identity = Identity::from_pkcs8(&certificate, &key).expect("they fit");
        let mut acceptor = TlsAcceptor::builder(identity);
        acceptor.accept_alpn(&["h2"]);
        let acceptor = acceptor.build().expect("an acceptor");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || runtime.block_on(receive(&listener, &acceptor.into(), inner)));
        address
    }

    fn pem(&self) -> (Vec<u8>, Vec<u8>) {
        let certificate = self.certificate.to_pem().expect("text");
        let key = self.key.private_key_to_pem_pkcs8().expect("text");
        (certificate, key)
    }
}

fn certify() -> Result<(X509, PKey<Private>), openssl::error::ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut name = X509Name::builder()?;
    name.append_entry_by_text("CN", "127.0.0.1")?;
    let name = name.build();
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_pubkey(&key)?;
    certificate.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    certificate.set_not_after(&*Asn1Time::days_from_now(1)?)?;
    let names = SubjectAlternativeName::new()
        .ip("127.0.0.1")
        .build(&certificate.x509v3_context(None, None))?;
    certificate.append_extension(names)?;
    certificate.sign(&key, MessageDigest::sha256())?;
    Ok((certificate.build(), key))
}

async fn receive(
    listener: &TcpListener,
    acceptor: &tokio_native_tls::TlsAcceptor,
    inner: SocketAddr,
) {
    while let Ok((outside, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Who is refused, or refuses us, comes no further.
            if let Ok(mut outside) = acceptor.accept(outside).await
                && let Ok(mut inside) = TcpStream::connect(inner).await
            {
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            }
        });
    }
}
