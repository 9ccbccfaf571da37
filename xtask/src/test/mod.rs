//! `cargo xtask test`: every check and test of the project, counted.

mod browser;
mod libtest;
mod report;
mod steps;
mod web;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::setup;
use report::Report;
use steps::{STEPS, Step};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    match arguments {
        [] => Ok(run_steps(&STEPS.iter().collect::<Vec<_>>())),
        [option] if option == "--list" => {
            for step in STEPS {
                println!("{:<10} {}", step.name, step.about);
            }
            Ok(ExitCode::SUCCESS)
        }
        [option, names] if option == "--only" => Ok(run_steps(&chosen(names)?)),
        _ => bail!("usage: cargo xtask test [--list | --only STEP[,STEP]…]"),
    }
}

fn chosen(names: &str) -> Result<Vec<&'static Step>> {
    let step = |name| {
        STEPS.iter().find(|step| step.name == name).with_context(|| {
            format!("there is no step `{name}`; `cargo xtask test --list` shows what there is")
        })
    };
    names.split(',').map(step).collect()
}

/// A step, what it found, and how long it took.
type Done = (&'static str, Report, Duration);

/// Every step runs, whatever the ones before it found.
fn run_steps(steps: &[&'static Step]) -> ExitCode {
    // Before any step, so that a password that sudo asks for is not waited for in the middle.
    let ready: Vec<Result<()>> = steps.iter().map(|step| setup::ensure(step.needs)).collect();
    let mut done: Vec<Done> = Vec::new();
    for (step, ready) in steps.iter().zip(ready) {
        println!("\n== {}: {}", step.name, step.about);
        let started = Instant::now();
        let mut report = Report::default();
        if let Err(error) = ready.and_then(|()| (step.run)(&mut report)) {
            println!("error: {error:#}");
            report.fail(format!("{error:#}"));
        }
        done.push((step.name, report, started.elapsed()));
    }
    let (summary, code) = summary(&done);
    print!("{summary}");
    code
}

/// The failures, a table, and last of all the line `N passed, N failed`.
fn summary(done: &[Done]) -> (String, ExitCode) {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut totals = (0, 0);
    for (name, report, _) in done {
        for failure in &report.failures {
            let _ = writeln!(text, "\nfailed: {name}: {failure}");
        }
    }
    let _ = writeln!(text, "\n{:<10} {:>9} {:>8} {:>8}", "step", "seconds", "passed", "failed");
    for (name, report, took) in done {
        let seconds = took.as_secs_f64();
        let _ = writeln!(text, "{name:<10} {seconds:>9.1} {:>8} {:>8}", report.passed, report.failed);
        totals.0 += report.passed;
        totals.1 += report.failed;
    }
    let (passed, failed) = totals;
    let _ = writeln!(text, "\n{passed} passed, {failed} failed");
    let green = failed == 0 && passed > 0;
    (text, if green { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(passed: u32, failures: &[&str]) -> Report {
        let mut report = Report { passed, ..Report::default() };
        for failure in failures {
            report.fail(*failure);
        }
        report
    }

    #[test]
    fn the_last_line_is_the_sum() {
        let second = Duration::from_secs(1);
        let (text, code) = summary(&[("a", report(3, &[]), second), ("b", report(4, &["it broke"]), second)]);
        assert_eq!(text.lines().last(), Some("7 passed, 1 failed"));
        assert!(text.contains("failed: b: it broke"), "{text}");
        assert_eq!(code, ExitCode::FAILURE);
    }

    #[test]
    fn green_is_green_and_nothing_at_all_is_not() {
        assert_eq!(summary(&[("a", report(3, &[]), Duration::ZERO)]).1, ExitCode::SUCCESS);
        assert_eq!(summary(&[]).1, ExitCode::FAILURE);
    }

    #[test]
    fn steps_are_chosen_by_name() {
        let names: Vec<_> = chosen("tests,format").unwrap().iter().map(|step| step.name).collect();
        assert_eq!(names, ["tests", "format"]);
        assert!(chosen("tests,nothing-of-the-kind").is_err());
    }

    #[test]
    fn a_step_that_cannot_run_is_a_failure_and_the_next_still_runs() {
        fn broken(_: &mut Report) -> Result<()> {
            bail!("it cannot")
        }
        #[allow(clippy::unnecessary_wraps)]
        fn fine(report: &mut Report) -> Result<()> {
            report.passed += 1;
            Ok(())
        }
        static BROKEN: Step = Step { name: "broken", about: "", needs: &[], run: broken };
        static FINE: Step = Step { name: "fine", about: "", needs: &[], run: fine };
        assert_eq!(run_steps(&[&BROKEN, &FINE]), ExitCode::FAILURE);
        assert_eq!(run_steps(&[&FINE]), ExitCode::SUCCESS);
    }
}
