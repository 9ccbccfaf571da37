//! The one command string that the wire has, made from arguments, variables and a directory.

use crate::error::{Error, Result, named, quoted};

const CURRENT_DIR: &str = named("current_dir", "cwd");

/// Refuses what is not a shell identifier: it would be an injection.
pub(crate) fn check_env_key(key: &str) -> Result<()> {
    let mut bytes = key.bytes();
    let starts = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "env",
        [&quoted(key), " is not a variable name (letters, digits and _, no digit first)"].concat(),
    ))
}

/// The words of a shell that mean something where a command's name stands.
const RESERVED: [&str; 20] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in",
    "function", "select", "time", "coproc", "{", "}", "!",
];

/// Quotes one word for a POSIX shell. What needs no quotes keeps none, so that logs stay readable.
fn quote(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    in_quotes(word)
}

/// Quotes the first word, which must not become an assignment or a reserved word.
fn quote_command(word: &str) -> String {
    if word.contains('=') || RESERVED.contains(&word) { in_quotes(word) } else { quote(word) }
}

fn in_quotes(word: &str) -> String {
    ["'", &word.replace('\'', "'\"'\"'"), "'"].concat()
}

fn check_nul(argument: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::invalid_argument(argument, "holds a NUL byte, which no command line can carry"));
    }
    Ok(())
}

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A line for the shell.
    Shell(String),
}

/// The command string: `cd 'dir' && KEY='value' … command`.
///
/// A line for the shell runs in a shell of its own, so that the directory and the variables hold for all of it and a
/// directory that is not there stops all of it.
pub(crate) fn command_line(command: &Command, env: &[(String, String)], dir: Option<&str>) -> Result<String> {
    let mut line = String::new();
    if let Some(dir) = dir {
        check_nul(CURRENT_DIR, dir)?;
        if dir.is_empty() {
            return Err(Error::invalid_argument(CURRENT_DIR, "is empty"));
        }
        // `./` for a name that starts with a dash or that CDPATH would find elsewhere.
        let dir = if dir.starts_with('/') { dir.to_owned() } else { ["./", dir].concat() };
        line.extend(["cd ", &quote(&dir), " && "]);
    }
    for (key, value) in env {
        check_env_key(key)?;
        check_nul("env", value)?;
        line.extend([key, "=", &quote(value), " "]);
    }
    match command {
        Command::Argv(words) => {
            let (program, arguments) =
                words.split_first().ok_or_else(|| Error::invalid_argument("command", "is empty"))?;
            if program.is_empty() {
                return Err(Error::invalid_argument("command", "the program's name is empty"));
            }
            check_nul("command", program)?;
            line.push_str(&quote_command(program));
            for word in arguments {
                check_nul("command", word)?;
                line.push(' ');
                line.push_str(&quote(word));
            }
        }
        Command::Shell(text) => {
            check_nul("command", text)?;
            if text.trim().is_empty() {
                return Err(Error::invalid_argument("command", "is empty"));
            }
            if line.is_empty() {
                line.push_str(text);
            } else {
                line.extend(["sh -c ", &quote(text)]);
            }
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    fn argv(words: &[&str]) -> Command {
        Command::Argv(words.iter().map(|&word| word.to_owned()).collect())
    }

    fn run(line: &str) -> process::Output {
        process::Command::new("sh").args(["-c", line]).output().unwrap()
    }

    #[test]
    fn words_come_through_a_real_shell_unchanged() {
        let words = [
            "",
            " ",
            "a b",
            "it's",
            "\"",
            "$HOME",
            "`id`",
            "$(id)",
            "a\nb",
            "\\",
            "*",
            "~",
            "!x",
            "#c",
            "&&",
            ";",
            "|",
            "é€🦀",
            "-n",
            "a=b",
            "\t",
            "'",
            "''",
            "\u{7f}",
        ];
        for word in words {
            let line = command_line(&argv(&["printf", "%s.", word]), &[], None).unwrap();
            assert_eq!(String::from_utf8(run(&line).stdout).unwrap(), format!("{word}."), "{line}");
        }
        let mut all = vec!["printf", "%s."];
        all.extend(words);
        let line = command_line(&argv(&all), &[], None).unwrap();
        let expected = words.map(|word| word.to_owned() + ".").concat();
        assert_eq!(String::from_utf8(run(&line).stdout).unwrap(), expected);
    }

    #[test]
    fn a_program_is_never_an_assignment_or_a_keyword() {
        for program in ["A=b", "if", "!", "{"] {
            let output = run(&command_line(&argv(&[program, "x"]), &[], None).unwrap());
            assert_eq!(output.status.code(), Some(127), "{program}: {output:?}");
        }
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(command_line(&argv(&["ls", "-la", "/a/b.txt"]), &[], None).unwrap(), "ls -la /a/b.txt");
        assert_eq!(command_line(&Command::Shell("a | b".into()), &[], None).unwrap(), "a | b");
    }

    #[test]
    fn variables_and_directory_hold_for_a_whole_line() {
        let env = [("FOO".to_owned(), "b a'r".to_owned())];
        let line =
            command_line(&Command::Shell("true && echo $FOO; pwd; echo $FOO".into()), &env, Some("/usr"))
                .unwrap();
        assert_eq!(String::from_utf8(run(&line).stdout).unwrap(), "b a'r\n/usr\nb a'r\n");
        let gone =
            command_line(&Command::Shell("false || echo ran\necho ran".into()), &env, Some("/not there"))
                .unwrap();
        let output = run(&gone);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_name() {
        let env = |key: &str, value: &str| [(key.to_owned(), value.to_owned())];
        for key in ["", "1A", "A B", "A;id", "A=B", "$A", "A\n", "Ä"] {
            let error = command_line(&argv(&["true"]), &env(key, ""), None).unwrap_err();
            assert!(error.message().starts_with("env: "), "{error}");
        }
        for (command, env, dir, argument) in [
            (argv(&[]), vec![], None, "command: "),
            (argv(&[""]), vec![], None, "command: "),
            (argv(&["a", "b\0"]), vec![], None, "command: "),
            (Command::Shell(" ".into()), vec![], None, "command: "),
            (argv(&["a"]), env("A", "\0").to_vec(), None, "env: "),
            (argv(&["a"]), vec![], Some("a\0"), "current_dir: "),
            (argv(&["a"]), vec![], Some(""), "current_dir: "),
        ] {
            let error = command_line(&command, &env, dir).unwrap_err();
            assert!(error.message().starts_with(argument), "{error}");
        }
    }
}
