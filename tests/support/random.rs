//! Random numbers that a seed replays.

/// splitmix64.
pub(crate) struct Random(u64);

impl Random {
    /// From `RSSD_TEST_SEED`, or from the clock; printed, so that a failure can be replayed.
    pub(crate) fn seeded(test: &str) -> Random {
        let given = std::env::var("RSSD_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| rssd::clock::Clock::system().now_ms().unsigned_abs());
        println!("{test}: replay with RSSD_TEST_SEED={seed}");
        Random::of(seed)
    }

    /// The same sequence each time.
    pub(crate) fn of(seed: u64) -> Random {
        Random(seed)
    }

    /// Another sequence, for a thread of its own.
    pub(crate) fn split(&mut self) -> Random {
        Random(self.below(u64::MAX))
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
