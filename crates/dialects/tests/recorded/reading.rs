//! What the recorded files hold, as we read it.

use dialects::*;

use crate::folder::files;

#[test]
fn every_file_is_recognised_by_its_content_whatever_its_name() {
    for (client, name_of_another) in [
        ("python-multiprocess", "metric_x___1.bin"),
        ("ruby-direct-file-store", "x_1-0.db"),
        ("ruby-mmap", "x_1.db"),
    ] {
        let mut seen = 0;
        for file in files(client) {
            let expected = match client {
                _ if file.in_use().len() < 24 => None,
                _ if file.name.starts_with("exemplar_") => continue,
                "python-multiprocess" if file.case == "06-old-0.14.1" => Some(Dialect::Python(Era::F1)),
                "python-multiprocess" => Some(Dialect::PYTHON),
                "ruby-direct-file-store" => Some(Dialect::Ruby),
                _ => Some(Dialect::Gitlab),
            };
            assert_eq!(recognise(&file.name, file.in_use()), expected, "{}", file.path());
            assert_eq!(recognise(name_of_another, file.in_use()), expected, "{}", file.path());
            seen += 1;
        }
        assert!(seen > 30, "{client}: {seen} files");
    }
}
