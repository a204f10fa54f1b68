//! Several contenders doing the same work in turn.

use crate::{
    Outcome,
    ground::{Ground, progress},
    measure::Turn,
    report::Score,
};

/// One who takes part.
pub(super) struct Contender<'a> {
    name: String,
    turn: Box<dyn FnMut() -> Outcome<Turn> + 'a>,
}

impl<'a> Contender<'a> {
    pub(super) fn new(name: impl Into<String>, turn: impl FnMut() -> Outcome<Turn> + 'a) -> Self {
        Self { name: name.into(), turn: Box::new(turn) }
    }
}

/// Lets each have its turns, every round beginning with another one. `check` says what is wrong with
/// what was fetched; it hears the number of the round. Who fails once is left out, with the reason
/// among the remarks; the first contender must not.
pub(super) fn hold(
    ground: &Ground,
    title: &str,
    bytes: u64,
    mut contenders: Vec<Contender<'_>>,
    check: impl Fn(usize) -> Outcome,
) -> Outcome<(Vec<Score>, Vec<String>)> {
    let mut scores: Vec<Score> = contenders.iter().map(|one| Score { name: one.name.clone(), turns: Vec::new() }).collect();
    let mut remarks = vec![None; contenders.len()];
    for round in 0..ground.rounds {
        for place in 0..contenders.len() {
            let index = (place + round) % contenders.len();
            if remarks[index].is_some() {
                continue;
            }
            let name = scores[index].name.clone();
            progress(&format!("{title}: round {} of {}, {name}", round + 1, ground.rounds));
            ground.prepare(bytes)?;
            match (contenders[index].turn)().and_then(|turn| check(round).map(|()| turn)) {
                Ok(turn) => scores[index].turns.push(turn),
                Err(error) if index == 0 => return Err(format!("{title}: {name}: {error}").into()),
                Err(error) => remarks[index] = Some(format!("{name} is left out: {error}")),
            }
        }
    }
    let failed: Vec<bool> = remarks.iter().map(Option::is_some).collect();
    let mut failed = failed.into_iter();
    scores.retain(|_| !failed.next().unwrap_or_default());
    Ok((scores, remarks.into_iter().flatten().collect()))
}

/// The score of the contender of this name.
pub(super) fn find<'a>(scores: &'a [Score], name: &str) -> Option<&'a Score> {
    scores.iter().find(|score| score.name == name)
}

/// How `of` compares to the contender of that name. Not a number where that one did not take part.
pub(super) fn ratio(scores: &[Score], name: &str, of: impl Fn(&Score) -> f64) -> f64 {
    match (scores.first(), find(scores, name)) {
        (Some(ours), Some(theirs)) => of(ours) / of(theirs),
        _ => f64::NAN,
    }
}
