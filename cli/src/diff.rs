//! What differs between two texts, line by line.

/// A line, and which text has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Both.
    Same(&'a str),
    /// Only the first.
    Removed(&'a str),
    /// Only the second.
    Added(&'a str),
}

impl<'a> Line<'a> {
    /// The mark that goes before the line, as `diff -u` has it.
    pub(crate) fn mark(self) -> char {
        match self {
            Self::Same(_) => ' ',
            Self::Removed(_) => '-',
            Self::Added(_) => '+',
        }
    }

    pub(crate) fn text(self) -> &'a str {
        let (Self::Same(text) | Self::Removed(text) | Self::Added(text)) = self;
        text
    }
}

/// Most lines of a text that are compared; of more, all are different. A signature covers far fewer components.
const MAX_LINES: usize = 512;

/// The lines of both, with as many in common as there are (the longest common subsequence).
pub(crate) fn lines<'a>(from: &'a str, to: &'a str) -> Vec<Line<'a>> {
    let (from, to): (Vec<_>, Vec<_>) = (from.split('\n').collect(), to.split('\n').collect());
    if from.len().max(to.len()) > MAX_LINES {
        return from.into_iter().map(Line::Removed).chain(to.into_iter().map(Line::Added)).collect();
    }
    let lengths = common_lengths(&from, &to);
    let length = |i: usize, j: usize| lengths.get(i).and_then(|row| row.get(j)).copied().unwrap_or_default();
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    loop {
        match (from.get(i), to.get(j)) {
            (Some(a), Some(b)) if a == b => {
                found.push(Line::Same(a));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                found.push(Line::Removed(a));
                i += 1;
            }
            (_, Some(b)) => {
                found.push(Line::Added(b));
                j += 1;
            }
            (_, None) => return found,
        }
    }
}

/// How many lines the rests of both have in common, from each place on.
fn common_lengths(from: &[&str], to: &[&str]) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![0; to.len() + 1]];
    for a in from.iter().rev() {
        let below = rows.last().cloned().unwrap_or_default();
        let mut row = vec![0; to.len() + 1];
        for (j, b) in to.iter().enumerate().rev() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or_default();
            let most = if a == b { at(&below, j + 1) + 1 } else { at(&below, j).max(at(&row, j + 1)) };
            if let Some(cell) = row.get_mut(j) {
                *cell = most;
            }
        }
        rows.push(row);
    }
    rows.reverse();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(from: &str, to: &str) -> String {
        let lines = lines(from, to).into_iter();
        lines.map(|line| format!("{}{}", line.mark(), line.text())).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn what_is_the_same_stays() {
        assert_eq!(diff("a\nb\nc", "a\nb\nc"), " a| b| c");
    }

    #[test]
    fn what_changed_is_taken_away_and_put() {
        assert_eq!(diff("a\nb\nc", "a\nx\nc"), " a|-b|+x| c");
        assert_eq!(diff("a\nb", "b\na"), "-a| b|+a");
        assert_eq!(diff("a\nb", "a\nb\n"), " a| b|+");
        assert_eq!(diff("", "a"), "-|+a");
    }
}
