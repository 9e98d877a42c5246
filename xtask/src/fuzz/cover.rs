//! Which inputs of a corpus to keep: few that together reach most.

use std::collections::BTreeSet;

/// An input, and what it reaches.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Input {
    pub(super) path: String,
    len: u64,
    reaches: BTreeSet<u32>,
}

/// Reads the control file of a merge: a line with the number of inputs and one with how many of them were there before,
/// a path for each, then of each a line `STARTED number length` and a line `FT number` with what it reaches.
pub(super) fn read(control: &str) -> Vec<Input> {
    let mut lines = control.lines();
    let count = lines.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let paths = lines.by_ref().skip(1).take(count);
    let mut inputs: Vec<Input> =
        paths.map(|path| Input { path: path.to_owned(), ..Input::default() }).collect();
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        let (what, number) = (words.next(), words.next().and_then(|number| number.parse::<usize>().ok()));
        let Some(input) = number.and_then(|number| inputs.get_mut(number)) else { continue };
        let mut numbers = words.filter_map(|word| word.parse().ok());
        match what {
            Some("STARTED") => input.len = numbers.next().map_or(0, u64::from),
            Some("FT") => input.reaches = numbers.collect(),
            _ => {}
        }
    }
    inputs
}

/// At most `most` of the inputs: always the one next that reaches most of what none before it does, the shorter one
/// first.
pub(super) fn choose(mut inputs: Vec<Input>, most: usize) -> Vec<Input> {
    let mut chosen: Vec<Input> = Vec::new();
    while chosen.len() < most {
        let worth = |input: &Input| (input.reaches.len(), std::cmp::Reverse(input.len));
        let best = inputs.iter().enumerate().max_by_key(|(_, input)| worth(input));
        let Some((at, _)) = best.filter(|(_, input)| !input.reaches.is_empty()) else { break };
        let best = inputs.swap_remove(at);
        inputs.iter_mut().for_each(|input| input.reaches.retain(|reached| !best.reaches.contains(reached)));
        chosen.push(best);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_inputs_are_chosen_that_reach_most() {
        let control = "4\n0\nc/long\nc/short\nc/other\nc/none\n\
                       STARTED 0 9\nFT 0 1 2 3\nCOV 0 1 2 3\nSTARTED 1 2\nFT 1 1 2 3\nCOV 1\n\
                       STARTED 2 4\nFT 2 3 4\nCOV 2 4\nSTARTED 3 0\nFT 3\nCOV 3\n";
        let chosen = |most| {
            let chosen = choose(read(control), most).into_iter();
            chosen.map(|input| input.path).collect::<Vec<_>>()
        };
        assert_eq!(chosen(9), ["c/short", "c/other"]);
        assert_eq!(chosen(1), ["c/short"]);
    }

    #[test]
    fn what_is_no_control_file_has_no_inputs() {
        assert_eq!(read(""), []);
        assert_eq!(choose(read("1\n0\nc/a\nSTARTED 7 1\nFT x"), 9), []);
    }
}
