//! The first page: one file that needs nothing from elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// It asks for `/api/status` and `/readyz` each second and shows them as text, never as markup.
pub const PAGE: &str = include_str!("page.html");

/// Lets the page's own script and style run, known by their hashes, and nothing else.
pub fn content_security_policy() -> String {
    format!(
        "default-src 'none'; connect-src 'self'; img-src data:; \
         script-src {}; style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source("script"),
        source("style"),
    )
}

/// The hash of the page's one element of that name, as a browser computes it.
fn source(element: &str) -> String {
    let digest = Sha256::digest(content(element));
    format!("'sha256-{}'", STANDARD.encode(digest))
}

fn content(element: &str) -> &'static str {
    let opened = PAGE.split_once(&format!("<{element}>"));
    let closed = opened.and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    closed.expect("the page has such an element").0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_refers_to_nothing_outside_of_this_service() {
        for outside in [
            "://", "src=", "@import", "url(", "<iframe", "<object", "<base",
        ] {
            assert!(!PAGE.contains(outside), "{outside}");
        }
        let references = PAGE.split("href=\"").skip(1);
        let allowed = |reference: &str| {
            (reference.starts_with('/') && !reference.starts_with("//"))
                || reference.starts_with('#')
                || reference.starts_with("data:")
        };
        for reference in references {
            assert!(allowed(reference), "{:.40}", reference);
        }
    }

    #[test]
    fn the_page_shows_what_it_is_told_as_text_only() {
        for markup in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
        ] {
            assert!(!PAGE.contains(markup), "{markup}");
        }
    }

    #[test]
    fn the_policy_knows_all_of_the_pages_script_and_style() {
        for element in ["script", "style"] {
            assert!(content(element).len() > 100, "{element}");
            assert_eq!(PAGE.matches(&format!("<{element}")).count(), 1, "{element}");
        }
        assert!(
            !PAGE.contains(" style=\""),
            "a style attribute is not in the hash"
        );
        assert!(
            !PAGE.contains(" onclick="),
            "a handler attribute is not in the hash"
        );
        assert!(!content_security_policy().contains("unsafe"));
    }
}
