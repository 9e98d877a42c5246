//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::{Metadata, MetadataCommand};

/// What cargo says about this repository, without its dependencies.
pub(crate) struct Workspace(Metadata);

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> anyhow::Result<Workspace> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
        let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
        metadata.map(Workspace).context("ask cargo about the workspace")
    }

    /// The repository.
    pub(crate) fn root(&self) -> &Path {
        self.0.workspace_root.as_std_path()
    }

    /// Where the tools live that are ours alone. Under the target directory: the tests look for them there.
    pub(crate) fn tools(&self) -> PathBuf {
        self.0.target_directory.as_std_path().join("tools")
    }

    /// Where the fuzz targets are built: they are workspaces of their own, but share what they need.
    pub(crate) fn fuzz_target(&self) -> PathBuf {
        self.0.target_directory.as_std_path().join("fuzz")
    }

    /// Where the benchmark is built, a workspace of its own too, and where it leaves its reports.
    pub(crate) fn bench_target(&self) -> PathBuf {
        self.0.target_directory.as_std_path().join("bench")
    }

    /// The packages of the workspace.
    pub(crate) fn packages(&self) -> &[cargo_metadata::Package] {
        &self.0.packages
    }
}
