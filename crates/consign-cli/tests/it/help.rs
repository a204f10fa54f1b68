//! What the command says of itself.

use crate::setup::Setup;

#[test]
fn the_help_lists_what_there_is() {
    let setup = Setup::new();
    let help = setup.ok(["--help"]);
    for command in [
        "  get ",
        "  job ",
        "  class ",
        "  component ",
        "  call ",
        "  queue ",
        "  idl ",
        "  outbox ",
        "  service ",
        "  demo ",
        "  completions ",
    ] {
        assert!(help.contains(command), "{command}: {help}");
    }
    for absent in ["put", "demo-server"] {
        assert!(!help.lines().any(|line| line.trim_start().starts_with(&format!("{absent} "))), "{absent}");
    }
    let help = setup.ok(["job", "--help"]);
    assert!(help.contains("  notify ") && help.contains("  validate "), "{help}");
    let help = setup.ok(["job", "notify", "--help"]);
    assert!(help.contains("CONSIGN_JOB_ID") && help.contains("--class"), "{help}");
    assert!(help.contains("ranges"), "{help}");
    let help = setup.ok(["class", "--help"]);
    for command in ["register", "list", "show", "unregister", "start", "stop"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    assert!(setup.ok(["class", "register", "--help"]).contains("--systemd-unit"));
    assert!(setup.ok(["job", "set", "--help"]).contains("auto-complete=on|off"));
    let help = setup.ok(["queue", "--help"]);
    for command in ["list", "show", "peek", "retry", "move", "drop", "pause", "resume", "set", "remove", "watch"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
    }
    assert!(setup.ok(["queue", "set", "--help"]).contains("retry=TIME[:N],...|none"));
    assert!(setup.ok(["component", "set", "--help"]).contains("queued.INTERFACE=on|off"));
    assert!(setup.ok(["call", "--help"]).contains("consign call Contoso.Shipment ShipOrder 42"));
    assert!(setup.ok(["--version"]).starts_with("consign "));
    assert_eq!(setup.run([]).code, Some(2));
}

#[test]
fn completions_are_made_for_every_shell() {
    let setup = Setup::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = setup.ok(["completions", shell]);
        assert!(script.contains("unregister") && script.contains("demo"), "{shell}");
        assert!(!script.contains("demo-server"), "what people do not type: {shell}");
    }
    assert_eq!(setup.run(["completions", "cmd"]).code, Some(2));
}
