//! From the text of a file to its entries, or to everything that is wrong with it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::Entry;
use super::settings::{SETTINGS, Setting, Table, Trust};
use super::window::{self, OWN_KEYS, WindowEntry};
use crate::toml_file::{Fault, Misread, Place, meant};
use crate::windows::WindowText;

/// How a file came to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It lies in the working directory, or in one above.
    Found,
    /// It was named.
    Named,
}

/// The contents of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The settings that it sets.
    pub entries: Vec<Entry>,
    /// Its patch windows.
    pub windows: Vec<WindowEntry>,
    /// Everything that is wrong with it, in its order.
    pub faults: Vec<Fault>,
}

/// Reads a file.
pub fn parse(text: &str, origin: Origin) -> Parsed {
    let mut reader = Reader {
        text,
        origin,
        parsed: Parsed::default(),
    };
    match DeTable::parse(text) {
        Ok(top) => reader.table(Table::Top, top.get_ref()),
        Err(error) => reader.parsed.faults.push(Misread::of(text, &error).into()),
    }
    let Reader { mut parsed, .. } = reader;
    parsed.faults.sort_by_key(|f| f.place);
    parsed
}

/// The key of patch windows.
const WINDOW: &str = "window";

struct Reader<'a> {
    text: &'a str,
    origin: Origin,
    parsed: Parsed,
}

impl Reader<'_> {
    fn table(&mut self, table: Table, content: &DeTable<'_>) {
        for (key, value) in content {
            let name: &str = key.get_ref();
            let mut known = SETTINGS.iter().filter(|s| s.table == table);
            if let Some(setting) = known.find(|s| s.key == name) {
                self.entry(setting, key.span().start, value);
                continue;
            }
            if table == Table::Top && super::TABLES.contains(&name) {
                if self.origin == Origin::Found {
                    self.fault(key.span().start, name, UNTRUSTED);
                }
                continue;
            }
            if table == Table::Top && name == WINDOW {
                self.windows(value);
                continue;
            }
            let inner = Table::ALL.into_iter().find(|t| t.name() == name);
            match (inner, value.get_ref()) {
                (Some(inner), DeValue::Table(content)) if table == Table::Top => {
                    self.table(inner, content);
                }
                (Some(_), _) if table == Table::Top => {
                    let message = format!("expected a table, [{name}], found another value");
                    self.fault(value.span().start, name, &message);
                }
                (_, _) => self.unknown(table, name, key.span().start),
            }
        }
    }

    fn entry(&mut self, setting: &'static Setting, key_at: usize, value: &Spanned<DeValue<'_>>) {
        let entry = self.read(setting, &setting.path(), key_at, value);
        self.parsed.entries.extend(entry);
    }

    /// The entry of a key that stands at this path, if nothing is wrong with it.
    fn read(
        &mut self,
        setting: &'static Setting,
        path: &str,
        key_at: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Entry> {
        match (self.origin, setting.trust) {
            (Origin::Found, Trust::Named) => self.fault(key_at, path, UNTRUSTED),
            (Origin::Named, _) | (Origin::Found, Trust::Found) => match setting.kind.words(value) {
                Ok(words) => {
                    return Some(Entry {
                        setting,
                        words,
                        place: Place::of(self.text, value.span().start),
                    });
                }
                Err(unfit) => self.fault(unfit.at, path, &unfit.message),
            },
        }
        None
    }

    fn windows(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(tables) = window::tables(value) else {
            let message = "expected [[window]] above each window, found another value";
            return self.fault(value.span().start, WINDOW, message);
        };
        for (at, content) in tables {
            let window = self.window(at, content);
            let twice = self
                .parsed
                .windows
                .iter()
                .any(|w| !w.text.name.is_empty() && w.text.name == window.text.name);
            if twice {
                let message = format!(
                    "expected a name of its own, found '{}' twice",
                    window.text.name
                );
                self.fault(at, "window.name", &message);
            }
            self.parsed.windows.push(window);
        }
    }

    fn window(&mut self, at: usize, content: &DeTable<'_>) -> WindowEntry {
        let mut window = WindowEntry {
            text: WindowText::default(),
            is_whole: true,
            entries: Vec::new(),
            place: Place::of(self.text, at),
            keys: content
                .keys()
                .map(|key| {
                    let place = Place::of(self.text, key.span().start);
                    (key.get_ref().to_string(), place)
                })
                .collect(),
        };
        for (key, value) in content {
            let name: &str = key.get_ref();
            let path = format!("{WINDOW}.{name}");
            let in_run = |s: &&Setting| s.table == Table::Run && s.key == name;
            match (
                window::own(&mut window.text, name, value),
                SETTINGS.iter().find(in_run),
            ) {
                (Ok(true), _) => {}
                (Err(unfit), _) => {
                    window.is_whole = false;
                    self.fault(unfit.at, &path, &unfit.message);
                }
                (Ok(false), Some(setting)) => {
                    let entry = self.read(setting, &path, key.span().start, value);
                    window.entries.extend(entry);
                }
                (Ok(false), None) => self.unknown_of_window(name, &path, key.span().start),
            }
        }
        for name in ["name", "schedule"] {
            if content.keys().all(|key| key.get_ref() != name) {
                window.is_whole = false;
                let message = format!("expected `{name}` in each window, found none");
                self.fault(at, WINDOW, &message);
            }
        }
        window
    }

    fn unknown_of_window(&mut self, name: &str, path: &str, at: usize) {
        let of_run = SETTINGS
            .iter()
            .filter(|s| s.table == Table::Run)
            .map(|s| s.key);
        let known: Vec<&str> = OWN_KEYS
            .iter()
            .map(|(key, _, _)| *key)
            .chain(of_run)
            .collect();
        let hint = meant(name, known.iter().copied());
        let hint = hint.map_or(String::new(), |m| format!(". Did you mean `{m}`?"));
        let message = format!("expected one of {}, found `{name}`{hint}", known.join(", "));
        self.fault(at, path, &message);
    }

    /// A key that is no setting: misspelt, or in another table.
    fn unknown(&mut self, table: Table, name: &str, at: usize) {
        let path = match table {
            Table::Top => name.to_owned(),
            table => format!("{}.{name}", table.name()),
        };
        let elsewhere = SETTINGS.iter().find(|s| s.key == name || s.flag == name);
        let here = SETTINGS.iter().filter(|s| s.table == table).map(|s| s.key);
        let tables = Table::ALL.iter().map(|t| t.name());
        let tables = tables.filter(|name| table == Table::Top && !name.is_empty());
        // Lists of tables, and those that are read where they are used.
        let lists = [WINDOW].into_iter().chain(super::TABLES);
        let lists = lists.filter(|_| table == Table::Top);
        let known: Vec<&str> = here.chain(tables).chain(lists).collect();
        let hint = match (elsewhere, meant(name, known.iter().copied())) {
            (Some(setting), _) if setting.table == Table::Top => {
                format!("; `{}` stands before the first table", setting.key)
            }
            (Some(setting), _) => {
                format!("; `{}` stands in [{}]", setting.key, setting.table.name())
            }
            (None, Some(meant)) => format!(". Did you mean `{meant}`?"),
            (None, None) => String::new(),
        };
        let message = format!("expected one of {}, found `{name}`{hint}", known.join(", "));
        self.fault(at, &path, &message);
    }

    fn fault(&mut self, at: usize, key: &str, message: &str) {
        let fault = Fault::new(Place::of(self.text, at), key, message);
        self.parsed.faults.push(fault);
    }
}

/// Someone else may have left the file where it was found.
const UNTRUSTED: &str = "expected in a file that --config or ASG_PATCH_CONFIG names, found in one that only lies in this \
    directory or above: one who puts a file there could choose the account, the groups or what runs on them. If the \
    file is yours, name it; --no-config leaves it out";
