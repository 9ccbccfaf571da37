//! Reads what `cargo test` prints: how many tests passed and failed, and which.
//!
//! The counts are libtest's own `test result:` lines, added up over all test programs and doctests; the
//! runner of wasm-bindgen-test prints the same. A program that cargo calls failed without having counted a
//! failure (it crashed, or is no libtest) is one failure.

#[derive(Default, Debug, PartialEq)]
pub(crate) struct Count {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    /// The failed tests by name, and the programs that crashed.
    pub(crate) failures: Vec<String>,
}

/// A reader that is fed line by line.
#[derive(Default)]
pub(crate) struct Reader {
    count: Count,
    /// The test program that runs.
    program: String,
    /// What the program counted so far.
    failed_in_program: u32,
    /// Within what a failed test printed, which may look like anything.
    in_captured_output: bool,
}

impl Reader {
    pub(crate) fn line(&mut self, line: &str) {
        let line = without_colors(line);
        let line = line.trim_end();
        if self.in_captured_output {
            // The list of failed tests follows the last of their outputs.
            self.in_captured_output = line != "failures:";
        } else if line.starts_with("---- ")
            && (line.ends_with(" stdout ----") || line.ends_with(" output ----"))
        {
            self.in_captured_output = true;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let failed = number_before(result, " failed");
            self.count.passed += number_before(result, " passed");
            self.count.failed += failed;
            self.failed_in_program += failed;
        } else if let Some(test) = failed_test(line) {
            self.count.failures.push(format!("{test}, in {}", self.program));
        } else if line.contains("error: test failed, to rerun pass")
            || line.contains("error: doctest failed, to rerun pass")
        {
            // `contains`: a test that crashed left its line without an end.
            if self.failed_in_program == 0 {
                self.count.failed += 1;
                self.count.failures.push(format!("{} crashed or failed outside its tests", self.program));
            }
        } else if let Some(program) = started_program(line) {
            program.clone_into(&mut self.program);
            self.failed_in_program = 0;
        }
    }

    pub(crate) fn finish(self) -> Count {
        self.count
    }
}

/// `test some::name ... FAILED`; wasm-bindgen-test says `FAIL`.
fn failed_test(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("test ")?;
    rest.strip_suffix(" ... FAILED").or_else(|| rest.strip_suffix(" ... FAIL"))
}

/// `     Running unittests src/lib.rs (target/debug/deps/boxd-0123)` or `   Doc-tests boxd`.
fn started_program(line: &str) -> Option<&str> {
    let indented = line.strip_prefix("   ")?.trim_start();
    indented.strip_prefix("Running ").or_else(|| indented.starts_with("Doc-tests ").then_some(indented))
}

fn number_before(text: &str, word: &str) -> u32 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Without the escape sequences with which cargo colours its own lines on a terminal.
fn without_colors(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, text)| text));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(output: &str) -> Count {
        let mut reader = Reader::default();
        output.lines().for_each(|line| reader.line(line));
        reader.finish()
    }

    #[test]
    fn passing_tests_are_added_up() {
        let counted = count(include_str!("captured/passing.txt"));
        assert_eq!(counted, Count { passed: 2, failed: 0, failures: vec![] });
    }

    #[test]
    fn failures_crashes_and_doctests_are_counted() {
        // A unit test and a doctest fail, a program aborts; a failed test printed a result line of its own.
        let counted = count(include_str!("captured/failing.txt"));
        assert_eq!((counted.passed, counted.failed), (1 + 2 + 1 + 1, 1 + 1 + 1));
        let failures = counted.failures.join("\n");
        assert!(failures.contains("tests::is_three, in unittests src/lib.rs"), "{failures}");
        assert!(failures.contains("tests/crashing.rs"), "{failures}");
        assert!(failures.contains("src/lib.rs - two (line 4), in Doc-tests probe"), "{failures}");
        assert_eq!(counted.failures.len(), 3, "{failures}");
    }

    #[test]
    fn a_crash_on_an_unfinished_line_is_counted() {
        let counted = count(include_str!("captured/crashing.txt"));
        assert_eq!((counted.passed, counted.failed), (0, 1));
    }

    #[test]
    fn what_does_not_compile_has_no_results() {
        assert_eq!(count(include_str!("captured/not_compiling.txt")), Count::default());
    }

    #[test]
    fn a_crash_after_passing_tests_is_counted() {
        let counted = count(
            "     Running tests/a.rs (target/debug/deps/a-1)\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             error: test failed, to rerun pass `--test a`\n",
        );
        assert_eq!((counted.passed, counted.failed), (2, 1));
    }

    #[test]
    fn results_from_a_browser_are_counted() {
        let counted = count(include_str!("captured/browser.txt"));
        assert_eq!((counted.passed, counted.failed), (1, 1));
        assert_eq!(counted.failures.len(), 1);
        assert!(counted.failures[0].starts_with("bad, in tests/t.rs"), "{:?}", counted.failures);
    }

    #[test]
    fn colors_are_no_obstacle() {
        let counted = count(
            "\u{1b}[1m\u{1b}[92m     Running\u{1b}[0m tests/a.rs (target/debug/deps/a-1)\n\
             \u{1b}[1m\u{1b}[91merror\u{1b}[0m: test failed, to rerun pass `--test a`\n",
        );
        assert_eq!(
            counted.failures,
            ["tests/a.rs (target/debug/deps/a-1) crashed or failed outside its tests"]
        );
    }
}
