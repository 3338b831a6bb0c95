//! Which tasks and tokens a token came from, as far as verified tokens said so: [`Ancestry`].
//!
//! A token names its own task, its parents, and perhaps the chain before them. All it names is looked up in the deny
//! list. Where it names its parents only, what an isolate learnt from the parents' own tokens leads further up. That part
//! is a help and no promise: an isolate that has not seen the parent's token, or has forgotten it among
//! [`MAX_CHILDREN`] others, does not know the grandparent. A chain that is named whole needs none of it.

use alloc::vec::Vec;

use super::deny_list::{Digest, Kind};
use crate::crypto::sha256;
use crate::state::bounded::Bounded;

/// How many tasks and tokens are remembered with their parents.
pub(crate) const MAX_CHILDREN: usize = 8 * 1024;
/// How many parents of one are remembered.
const MAX_PARENTS: usize = 8;
/// How many ancestors are looked at for one request.
const MAX_ANCESTORS: usize = 64;

/// What a verified token says of where it came from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lineage<'a> {
    /// Its issuer.
    pub(crate) iss: &'a str,
    /// Its identifier.
    pub(crate) jti: Option<&'a str>,
    /// Its task.
    pub(crate) task: Option<&'a str>,
    /// The tasks that it says its own came from, in any order.
    pub(crate) ancestor_tasks: &'a [&'a str],
    /// The tokens that it says it came from, by issuer and identifier, in any order.
    pub(crate) ancestor_tokens: &'a [(&'a str, &'a str)],
}

/// A task or a token, as the deny list names it.
pub(crate) type Node = (Digest, Kind);

impl Lineage<'_> {
    fn task(task: &str) -> Node {
        (Digest::of(Kind::Task, "", task), Kind::Task)
    }

    fn token(iss: &str, jti: &str) -> Node {
        (Digest::of(Kind::Jti, iss, jti), Kind::Jti)
    }

    fn named_parents(&self) -> Vec<Node> {
        let tasks = self.ancestor_tasks.iter().filter(|task| self.task != Some(**task));
        let is_own = |iss: &str, jti: &str| iss == self.iss && self.jti == Some(jti);
        let tokens = self.ancestor_tokens.iter().filter(|(iss, jti)| !is_own(iss, jti));
        tasks.map(|task| Self::task(task)).chain(tokens.map(|(iss, jti)| Self::token(iss, jti))).collect()
    }

    /// Whether it came from anything.
    fn has_parents(&self) -> bool {
        !self.ancestor_tasks.is_empty() || !self.ancestor_tokens.is_empty()
    }
}

/// What is known of parents. Its keys and values are digests: it knows nobody by name.
#[derive(Debug)]
pub(crate) struct Ancestry {
    parents: Bounded<Digest, Vec<Node>>,
}

impl Ancestry {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self { parents: Bounded::new(MAX_CHILDREN) }
    }

    /// Takes in what a verified token says.
    pub(crate) fn learn(&mut self, lineage: &Lineage<'_>) {
        if !lineage.has_parents() && lineage.task.is_none() {
            return;
        }
        let parents = lineage.named_parents();
        if let Some(jti) = lineage.jti {
            // A token leads to its task, since a child may name the token alone.
            let task = lineage.task.map(Lineage::task);
            self.remember(
                lineage,
                Lineage::token(lineage.iss, jti),
                task.into_iter().chain(parents.iter().copied()),
            );
        }
        if let Some(task) = lineage.task {
            // A task does not lead to tokens: another token may have been issued for it since.
            let tasks = parents.iter().copied().filter(|(_, kind)| *kind == Kind::Task);
            self.remember(lineage, Lineage::task(task), tasks);
        }
    }

    fn remember(&mut self, lineage: &Lineage<'_>, child: Node, parents: impl Iterator<Item = Node>) {
        let key = key(lineage.iss, child);
        let mut known = self.parents.touch(&key).cloned().unwrap_or_default();
        let before = known.len();
        for parent in parents {
            if known.len() < MAX_PARENTS && !known.contains(&parent) {
                known.push(parent);
            }
        }
        if known.len() > before {
            self.parents.insert(key, known);
        }
    }

    /// Every task and token that a token is, is for, or came from, as far as it says and as far as is known: itself first.
    pub(crate) fn of(&mut self, lineage: &Lineage<'_>) -> Vec<Node> {
        let mut found: Vec<Node> =
            lineage.jti.map(|jti| Lineage::token(lineage.iss, jti)).into_iter().collect();
        found.extend(lineage.task.map(Lineage::task));
        for parent in lineage.named_parents() {
            if !found.contains(&parent) {
                found.push(parent);
            }
        }
        let mut next = 0;
        // What a token names is looked at in any case; what follows from it, within bounds.
        while let Some(node) = found.get(next).copied().filter(|_| next < MAX_ANCESTORS) {
            next += 1;
            for parent in
                self.parents.touch(&key(lineage.iss, node)).into_iter().flat_map(|known| known.iter())
            {
                if found.len() < MAX_ANCESTORS && !found.contains(parent) {
                    found.push(*parent);
                }
            }
        }
        found
    }
}

/// What one issuer says of a task is remembered apart from what another says of it: neither can make the other's forgotten.
fn key(iss: &str, (child, _): Node) -> Digest {
    let mut text = Vec::from(iss.as_bytes());
    text.extend_from_slice(&child.0);
    Digest::truncated(&sha256(&text))
}
