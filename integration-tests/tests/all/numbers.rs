//! Numbers are printed as the Python client prints them.

use std::io::Write;
use std::process::Stdio;

use crate::tools::{app, python};

const EACH: u64 = 34_000; // of three sorts

#[test]
fn a_hundred_thousand_numbers_are_printed_as_python_prints_them() {
    let numbers: Vec<f64> = (0..EACH).flat_map(three_sorts).collect();
    let mut python = python();
    python.arg(app("numbers.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().expect("start Python");
    let mut question = python.stdin.take().expect("its input is a pipe");
    let asked: String = numbers.iter().map(|number| format!("{:016x}\n", number.to_bits())).collect();
    let asking = std::thread::spawn(move || question.write_all(asked.as_bytes()));
    let answer = python.wait_with_output().expect("read Python's output");
    asking.join().expect("the writer does not panic").expect("write to Python");
    let answer = String::from_utf8(answer.stdout).expect("Python prints ASCII");

    let theirs: Vec<&str> = answer.lines().collect();
    assert_eq!(theirs.len(), numbers.len());
    for (&number, theirs) in numbers.iter().zip(theirs) {
        let ours = metrics_core::number(number);
        assert_eq!(String::from_utf8_lossy(&ours), theirs, "bits {:#018x}", number.to_bits());
    }
}

/// Any bits at all; a number as people have them, with few decimals; a whole number of any length.
fn three_sorts(step: u64) -> [f64; 3] {
    let random = |salt: u64| {
        // splitmix64
        let mut bits = (step * 3 + salt).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let sign = if step.is_multiple_of(4) { -1.0 } else { 1.0 };
    let few_decimals = (random(1) % 100_000_000) as f64 / 10_f64.powi((step % 13) as i32);
    let whole = (random(2) >> (step % 64)) as f64;
    [f64::from_bits(random(0)), sign * few_decimals, sign * whole]
}
