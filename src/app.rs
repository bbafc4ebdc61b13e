//! What every room may use, built once and handed around.

mod door;

pub use door::{Door, Doorkeeper, door};

use crate::{
    base::notify::{Nobody, Notify},
    config::Config,
    db::Db,
    outbound::Outbound,
    vault::Keyring,
};
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// The parts of a running Syncline, cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The database.
    pub db: Db,
    /// The way to the providers.
    pub outbound: Outbound,
    /// What seals secrets.
    pub keys: Keyring,
    /// What rooms keep in memory.
    pub memory: Memory,
    /// Who is told what needs a person.
    pub notify: Arc<dyn Notify>,
    /// Rung when this process accepted work, and when its worker finished some, so that nobody here need wait for the next
    /// look.
    pub work_arrived: Arc<tokio::sync::Notify>,
}

impl App {
    /// Puts the parts together.
    pub fn new(config: Arc<Config>, db: Db, outbound: Outbound, keys: Keyring) -> Self {
        Self {
            config,
            db,
            outbound,
            keys,
            memory: Memory::default(),
            notify: Nobody::shared(),
            work_arrived: Arc::default(),
        }
    }

    /// The same application with a count of its own of the calls it makes.
    pub fn counting_calls(&self) -> Self {
        Self {
            outbound: self.outbound.counting(),
            ..self.clone()
        }
    }
}

/// One value of each type, shared by all clones of an [`App`]: so a room can keep something for the life of the process
/// without this file knowing the rooms above it.
#[derive(Clone, Default)]
pub struct Memory(Arc<RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl Memory {
    /// The value of type `T`, made when it is first asked for.
    pub fn of<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let known = {
            let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
            all.get(&TypeId::of::<T>()).cloned()
        };
        let value = known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(
                all.entry(TypeId::of::<T>())
                    .or_insert_with(|| Arc::new(T::default())),
            )
        });
        value.downcast().expect("it is kept under its own type")
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
