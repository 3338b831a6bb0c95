//! Where things are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Outcome, Run};

/// The checkout that this program was built from.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no folder above it")?;
        Ok(Self { root: root.into() })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn has(&self, relative: &str) -> bool {
        self.path(relative).exists()
    }

    pub(crate) fn read(&self, relative: &str) -> Outcome<String> {
        fs::read_to_string(self.path(relative)).map_err(|e| format!("cannot read {relative}: {e}"))
    }

    /// The Cargo that runs us, at the root.
    pub(crate) fn cargo(&self) -> Run {
        Run::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).dir(&self.root)
    }

    /// The folder of pinned tools, shared by all checkouts of this user.
    pub(crate) fn tools(&self) -> PathBuf {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = || {
            set("XDG_CACHE_HOME").or_else(|| Some(set("HOME").or_else(|| set("USERPROFILE"))?.join(".cache")))
        };
        set("COUNTERSIGN_TOOLS")
            .or_else(|| Some(cache()?.join("countersign/tools")))
            .unwrap_or_else(|| self.path("target/tools"))
    }
}
