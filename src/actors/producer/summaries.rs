//! Summaries: sent beside the batches, and waited for by nobody.

/// How long a summary may be. Its counts grow, and so does it: what its topic has once refused it
/// refuses from then on, and each try would cost a transaction (P12).
#[derive(Debug, Default)]
pub struct Summaries {
    /// The last one's length, in bytes.
    sent: usize,
    refused: Option<usize>,
}

impl Summaries {
    /// Whether its topic may take a summary of so many bytes. One a little shorter than the refused
    /// one is no better: the abort that follows takes some counts back, so that such a one comes next.
    pub fn may_send(&self, bytes: usize) -> bool {
        self.refused
            .is_none_or(|refused| bytes < refused - refused / 4)
    }

    pub fn sent(&mut self, bytes: usize) {
        self.sent = bytes;
    }

    /// The broker says that one was too large for its topic. Answers with its length.
    pub fn refused(&mut self) -> usize {
        self.refused = Some(self.sent);
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p12_none_that_is_about_as_long_as_the_one_refused_is_sent_again() {
        let mut summaries = Summaries::default();
        assert!(summaries.may_send(usize::MAX));
        summaries.sent(100);
        assert_eq!(summaries.refused(), 100);
        assert_eq!(
            [74, 75, 101].map(|of| summaries.may_send(of)),
            [true, false, false]
        );
    }
}
