//! What happens too often for an entry each: counted in memory, and written down now and then, by the minute. Who is known
//! is counted with all that is known. Strangers, who can make up as many addresses as they like, are told apart by their
//! networks, so many of them and no more: they fill neither the memory nor the table, and take nobody else's place in it.

use crate::{
    app::App,
    audit::{Counted, counted::Place, store},
    base::{Result, TenantId},
    db::Scope,
};
use chrono::{DateTime, Utc};
use std::{
    borrow::Cow,
    cell::Cell,
    collections::{HashMap, HashSet},
    hash::{Hash, Hasher},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Addresses from which one caller does one kind of thing, told apart within a minute; all strangers together are one caller,
/// and have networks instead. Whoever comes from elsewhere is counted together.
const PLACES: usize = 100;
/// Different things that strangers from one network are counted with, within a minute; more are counted together.
const THINGS: usize = 10;
/// What stands in the place of things that are not told apart.
const ANYTHING: &str = "-";
/// Rows that are kept with all their names while they cannot be written; from then on strangers are not told apart.
const KEPT: usize = 10_000;
/// Rows that one transaction writes: whoever else wants to write waits for no more of them.
const ROWS: usize = 500;

/// Counts that are not written yet.
#[derive(Default)]
struct Counts(Mutex<Book>);

#[derive(Default)]
struct Book {
    rows: HashMap<Row<'static>, Cell<i64>>,
    /// Who was told apart in which minute.
    minute: i64,
    told: HashMap<Group, HashMap<Place, HashSet<Thing>>>,
}

/// What was counted, in which minute since 1970.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row<'a> {
    minute: i64,
    counted: Counted<'a>,
}

/// Whose audit it is, what is done, and by whom.
type Group = (
    Option<Cow<'static, TenantId>>,
    &'static str,
    Cow<'static, str>,
);
/// To whom it is done, and what becomes of it.
type Thing = (Cow<'static, str>, Cow<'static, str>);

/// Of what tells nearly all rows apart, and no more: it is looked for at every read of a token.
impl Hash for Row<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_i64(self.minute);
        state.write(self.counted.resource.as_bytes());
        state.write(self.counted.actor.as_bytes());
    }
}

impl Counts {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn count(&mut self, row: Row<'_>) {
        if let Some(count) = known(&self.rows, &row) {
            count.set(count.get() + 1);
            return;
        }
        let row = self.bounded(row.minute, row.counted.into_owned());
        self.add(row, 1);
    }

    fn add(&mut self, row: Row<'static>, count: i64) {
        *self.rows.entry(row).or_default().get_mut() += count;
    }

    /// Takes back what could not be written. However long the database is away, strangers take little room.
    fn put_back(&mut self, rows: &[(Row<'static>, i64)]) {
        for (row, count) in rows {
            let mut row = row.clone();
            if self.rows.len() >= KEPT && row.counted.is_by_stranger() {
                row.counted.place = Place::Many;
                row.counted.resource = ANYTHING.into();
            }
            self.add(row, *count);
        }
    }

    /// Without what would make it one too many.
    fn bounded(&mut self, minute: i64, mut counted: Counted<'static>) -> Row<'static> {
        if self.minute != minute {
            self.minute = minute;
            self.told.clear();
        }
        let by_stranger = counted.is_by_stranger();
        let group = (
            counted.tenant.clone(),
            counted.action,
            counted.actor.clone(),
        );
        let places = self.told.entry(group).or_default();
        if places.len() >= PLACES && !places.contains_key(&counted.place) {
            counted.place = Place::Many;
            if by_stranger {
                counted.resource = ANYTHING.into();
            }
        } else {
            let things = places.entry(counted.place).or_default();
            let thing = (counted.resource.clone(), counted.outcome.clone());
            if by_stranger && !things.contains(&thing) {
                match things.len() < THINGS {
                    true => drop(things.insert(thing)),
                    false => counted.resource = ANYTHING.into(),
                }
            }
        }
        Row { minute, counted }
    }
}

/// Looks for what lives as long as the book by what does not.
fn known<'a, 'b>(rows: &'b HashMap<Row<'a>, Cell<i64>>, row: &Row<'a>) -> Option<&'b Cell<i64>> {
    rows.get(row)
}

/// Counts once, now. Makes no call to the database.
pub fn count(app: &App, counted: Counted<'_>) {
    let minute = app.db.now().timestamp().div_euclid(60);
    let counts = app.memory.of::<Counts>();
    counts.book().count(Row { minute, counted });
}

/// Writes down what was counted so far, a batch at a time. What cannot be written is kept for the next time.
pub async fn flush(app: &App) -> Result<()> {
    let counts = app.memory.of::<Counts>();
    let taken = mem::take(&mut counts.book().rows);
    let mut rows: Vec<_> = taken
        .into_iter()
        .map(|(row, count)| (row, count.into_inner()))
        .collect();
    // Two processes that write the same rows do so in the same order, and never wait for each other.
    rows.sort_unstable();
    let mut left = rows.as_slice();
    let outcome = async {
        while !left.is_empty() {
            let (batch, rest) = left.split_at(left.len().min(ROWS));
            write(app, batch).await?;
            left = rest;
        }
        Ok(())
    }
    .await;
    counts.book().put_back(left);
    outcome
}

async fn write(app: &App, rows: &[(Row<'static>, i64)]) -> Result<()> {
    let scope = Scope::System("counts of the audit, of all tenants at once");
    let mut tx = app.db.write(scope).await?;
    for (Row { minute, counted }, count) in rows {
        let minute = DateTime::<Utc>::from_timestamp(minute * 60, 0).unwrap_or_default();
        store::add_count(&mut tx, counted, minute, *count).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::By;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    fn stranger(address: IpAddr, resource: &str) -> Counted<'_> {
        let by = By {
            name: "anybody",
            address: Some(address),
        };
        let counted = Counted::done(None, "rpc.call", resource, by);
        counted.refused("SESSION_OVER").by_stranger()
    }

    fn count(book: &mut Book, minute: i64, counted: Counted<'_>) {
        book.count(Row { minute, counted });
    }

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    fn counts(book: &Book, place: &str, resource: &str) -> i64 {
        let wanted = |row: &Row<'_>| {
            row.counted.place.to_string() == place && row.counted.resource == resource
        };
        let rows = book.rows.iter().filter(|(row, _)| wanted(row));
        rows.map(|(_, count)| count.get()).sum()
    }

    #[test]
    fn a_million_addresses_of_one_network_are_one_row() {
        let mut book = Book::default();
        for number in 0..1_000_000_u128 {
            let address = Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + number);
            count(&mut book, 0, stranger(address.into(), "a"));
        }
        assert_eq!(book.rows.len(), 1);
        assert_eq!(counts(&book, "2001:db8::/64", "a"), 1_000_000);
    }

    #[test]
    fn strangers_from_everywhere_who_ask_for_everything_are_few_rows_and_all_are_counted() {
        let mut book = Book::default();
        let things: Vec<_> = (0..50).map(|thing| format!("thing/{thing}")).collect();
        for number in 0..10_000 {
            for thing in &things {
                count(&mut book, 0, stranger(v4(number), thing));
            }
            // What was written down is told apart as before.
            if number == 5000 {
                assert_eq!(book.rows.len(), PLACES * (THINGS + 1) + 1);
                book.rows.clear();
            }
        }
        assert_eq!(book.rows.len(), 1);
        assert_eq!(counts(&book, "many addresses", "-"), 4999 * 50);
        count(&mut book, 0, stranger(v4(7), "thing/9"));
        count(&mut book, 0, stranger(v4(7), "thing/10"));
        assert_eq!(counts(&book, "10.0.0.7", "thing/9"), 1);
        assert_eq!(counts(&book, "10.0.0.7", "-"), 1);
        // The next minute is another one.
        count(&mut book, 1, stranger(v4(9_999), "thing/49"));
        assert_eq!(counts(&book, "10.0.39.15", "thing/49"), 1);
    }

    #[test]
    fn while_nothing_can_be_written_strangers_take_little_room() {
        let mut book = Book::default();
        for minute in 0..600 {
            for number in 0..200 {
                count(&mut book, minute, stranger(v4(number), "a"));
            }
            let taken: Vec<_> = mem::take(&mut book.rows)
                .into_iter()
                .map(|(row, count)| (row, count.into_inner()))
                .collect();
            book.put_back(&taken);
        }
        assert!(book.rows.len() < KEPT + 1000, "{}", book.rows.len());
        let all: i64 = book.rows.values().map(Cell::get).sum();
        assert_eq!(all, 600 * 200);
    }

    #[test]
    fn however_many_strangers_call_who_is_known_loses_nothing() {
        let mut book = Book::default();
        (0..50_000).for_each(|number| count(&mut book, 0, stranger(v4(number), "a")));
        let tenant: TenantId = "acme".parse().unwrap();
        for number in 0..20_000 {
            let name = format!("tenants/acme/apiKeys/{}", number % 200);
            let by = By {
                name: &name,
                address: Some(v4(number % 200)),
            };
            let token = format!("tenants/acme/tokens/{}", number % 1000);
            count(
                &mut book,
                0,
                Counted::done(Some(&tenant), "token.read", token, by),
            );
        }
        let named: Vec<_> = book
            .rows
            .keys()
            .filter(|row| row.counted.tenant.is_some())
            .collect();
        assert_eq!(named.len(), 1000);
        assert!(named.iter().all(|row| row.counted.place != Place::Many));
    }

    #[test]
    fn a_caller_from_more_addresses_than_are_told_apart_keeps_its_name_and_what_it_does() {
        let mut book = Book::default();
        for number in 0..5_000 {
            let by = By {
                name: "users/ada",
                address: Some(v4(number)),
            };
            count(&mut book, 0, Counted::done(None, "token.read", "a", by));
        }
        assert_eq!(book.rows.len(), PLACES + 1);
        assert_eq!(counts(&book, "many addresses", "a"), 4_900);
        assert!(book.rows.keys().all(|row| row.counted.actor == "users/ada"));
    }
}
