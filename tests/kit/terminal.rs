//! What a person sees: a program on a real (pseudo) terminal, and the screen that its output makes.

use super::{process::Builder, server::find};

/// Wide enough that no line of ours is broken.
const COLUMNS: u16 = 160;

/// Runs a program as the leader of a terminal of its own and passes on what it draws. SIGINT becomes a typed Ctrl-C,
/// which the terminal turns into the signal.
const TERMINAL: &str = r#"
import fcntl, os, pty, signal, struct, sys, termios
child, screen = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 50, int(sys.argv[1]), 0, 0))
    os.execv(sys.argv[2], sys.argv[2:])
signal.signal(signal.SIGINT, lambda *_: os.write(screen, b"\x03"))
while True:
    try:
        drawn = os.read(screen, 65536)
    except OSError:  # nobody holds the terminal any more
        break
    if not drawn:
        break
    os.write(1, drawn)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(status if status >= 0 else 128 - status)
"#;

impl Builder {
    /// The same program on a terminal. What it prints is then full of control sequences: [`screen`] reads them.
    pub fn on_terminal(self) -> Self {
        let python = find("python3", []).expect("Python is missing: apt-get install -y python3");
        self.under(&python, &["-c", TERMINAL, &COLUMNS.to_string()])
            .env("TERM", "xterm")
    }
}

/// The lines that stand on a terminal after `output` was drawn on it, without spaces at their ends.
pub fn screen(output: &str) -> Vec<String> {
    let mut screen = Screen::default();
    let mut characters = output.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => screen.row += 1,
            '\r' => screen.column = 0,
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                let mut number = String::new();
                let verb = loop {
                    match characters.next() {
                        Some(part) if part.is_ascii_alphabetic() => break part,
                        Some(part) => number.push(part),
                        None => panic!("the output ends within a control sequence"),
                    }
                };
                screen.obey(verb, &number);
            }
            character if character.is_control() => panic!("{character:?} is not known here"),
            character => screen.put(character),
        }
    }
    let lines = screen.rows.into_iter();
    lines
        .map(|row| row.into_iter().collect::<String>().trim_end().to_owned())
        .collect()
}

#[derive(Default)]
struct Screen {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn row(&mut self) -> &mut Vec<char> {
        if self.rows.len() <= self.row {
            self.rows.resize(self.row + 1, Vec::new());
        }
        &mut self.rows[self.row]
    }

    fn put(&mut self, character: char) {
        let column = self.column;
        let row = self.row();
        if row.len() <= column {
            row.resize(column + 1, ' ');
        }
        row[column] = character;
        self.column += 1;
    }

    fn obey(&mut self, verb: char, number: &str) {
        let count = number.parse().unwrap_or(1);
        let column = self.column;
        match verb {
            'A' => self.row = self.row.saturating_sub(count),
            'B' => self.row += count,
            'C' => self.column += count,
            'D' => self.column = column.saturating_sub(count),
            'G' => self.column = count - 1,
            'K' if number == "2" => self.row().clear(),
            'K' if number.is_empty() || number == "0" => self.row().truncate(column),
            'J' if number.is_empty() || number == "0" => {
                self.row().truncate(column);
                let row = self.row;
                self.rows.truncate(row + 1);
            }
            // Colours, and whether the cursor shows.
            'm' | 'h' | 'l' => {}
            other => panic!("the control sequence {number}{other} is not known here"),
        }
    }
}
