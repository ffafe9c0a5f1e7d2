//! The rules of style, run over this workspace.

#[test]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn the_workspace_is_tidy() {
    let report = xtask::tidy(&xtask::workspace_root()).unwrap();
    let lines: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    assert!(report.files > 10, "only {} files were read", report.files);
}
