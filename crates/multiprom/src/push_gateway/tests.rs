use super::arguments;

fn seen(line: &str) -> String {
    let seen = arguments(line.split(' ').map(Into::into));
    seen.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_program_is_a_push_gateway_by_its_name() {
    let table = [
        ("/usr/bin/prometheus-pushgateway --web.enable-lifecycle", "push-gateway --web.enable-lifecycle"),
        ("pushgateway --version", "push-gateway --version"),
        ("multiprom push-gateway --help", "push-gateway --help"),
        ("multiprom serve --no-web.enable-lifecycle", "serve --no-web.enable-lifecycle"),
    ];
    for (line, expected) in table {
        assert_eq!(seen(line).split_once(' ').unwrap().1, expected);
    }
}

#[test]
fn a_switch_can_be_taken_back_and_given_again() {
    let table = [
        ("--web.enable-lifecycle --no-web.enable-lifecycle", ""),
        ("--no-web.enable-lifecycle --web.enable-lifecycle", "--web.enable-lifecycle"),
        ("--web.enable-admin-api --web.enable-admin-api", "--web.enable-admin-api"),
        ("--no-web.listen-address", "--no-web.listen-address"),
    ];
    for (line, expected) in table {
        let line = format!("pushgateway {line}");
        assert_eq!(seen(&line).strip_prefix("pushgateway push-gateway").unwrap().trim_start(), expected);
    }
}
