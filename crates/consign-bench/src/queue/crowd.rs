//! Many that do the same at the same time, each of them one thing after the other.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Barrier, task::JoinSet, time::timeout};

use crate::Outcome;

/// No turn takes longer.
const LIMIT: Duration = Duration::from_secs(180);

/// One of them.
pub(super) trait Worker: Send + 'static {
    /// Does one thing; tells how much that was, and 0 when there is nothing more to do.
    fn step(&mut self) -> impl Future<Output = Outcome<usize>> + Send;
}

/// What all of them did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) count: usize,
    pub(super) time: Duration,
}

impl Done {
    /// In a second.
    pub(super) fn rate(self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }
}

/// All of them begin at once, and work until the turn is over or nothing is left.
pub(super) async fn together<W: Worker>(workers: Vec<W>, turn: Duration) -> Outcome<Done> {
    let start = Arc::new(Barrier::new(workers.len()));
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            let began = Instant::now();
            let (mut count, mut ended) = (0, began);
            while began.elapsed() < turn {
                match worker.step().await? {
                    0 => break,
                    more => count += more,
                }
                ended = Instant::now();
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((count, began, ended))
        });
    }
    let all = async {
        let (mut count, mut times) = (0, None::<(Instant, Instant)>);
        while let Some(joined) = tasks.join_next().await {
            let (more, began, ended) = joined??;
            count += more;
            times = Some(times.map_or((began, ended), |(first, last)| (first.min(began), last.max(ended))));
        }
        let time = times.map_or(Duration::ZERO, |(first, last)| last - first);
        Ok(Done { count, time })
    };
    timeout(turn + LIMIT, all).await.map_err(|_| "a turn did not end")?
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Countdown(usize);

    impl Worker for Countdown {
        async fn step(&mut self) -> Outcome<usize> {
            let step = self.0.min(2);
            self.0 -= step;
            Ok(step)
        }
    }

    #[tokio::test]
    async fn everything_is_counted_and_no_more() {
        let done = together(vec![Countdown(3), Countdown(0), Countdown(8)], Duration::from_secs(60)).await.unwrap();
        assert_eq!(done.count, 11);
        let done = together(vec![Countdown(usize::MAX)], Duration::from_millis(1)).await.unwrap();
        assert!(done.count > 0 && done.rate().is_finite());
    }
}
