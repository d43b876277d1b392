//! The values of one attribute, by number.

use std::{collections::BTreeMap, sync::Arc};

use resources::{AttributeValue, Attributes};

/// The number of "no such attribute".
pub(crate) const ABSENT: u32 = 0;

/// The values that agents have for one attribute that somebody asks for.
///
/// An agent may have several of one name, so a value is a list; most have one item.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    name: Arc<str>,
    ids: BTreeMap<Vec<AttributeValue>, u32>,
    pub(crate) values: Vec<Vec<AttributeValue>>,
    rows: Vec<u32>,
    of_row: Vec<u32>,
    distinct: u32,
}

impl Column {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            ids: BTreeMap::from([(Vec::new(), ABSENT)]),
            values: vec![Vec::new()],
            rows: vec![0],
            of_row: Vec::new(),
            distinct: 0,
        }
    }

    pub(crate) fn of(&self, row: usize) -> u32 {
        self.of_row.get(row).copied().unwrap_or(ABSENT)
    }

    /// Returns how many values there are among the agents that are known.
    pub(crate) const fn distinct(&self) -> u32 {
        self.distinct
    }

    /// Notes the attributes of a row; returns the number of a value that nobody had before.
    pub(crate) fn note(&mut self, row: usize, attributes: &Attributes) -> Option<u32> {
        let list: Vec<AttributeValue> = attributes.values(&self.name).cloned().collect();
        let known = self.ids.get(&list).copied();
        let id = known.unwrap_or_else(|| {
            let id = u32::try_from(self.values.len()).unwrap_or(ABSENT);
            self.ids.insert(list.clone(), id);
            self.values.push(list);
            self.rows.push(0);
            id
        });
        self.put(row, id);
        known.is_none().then_some(id)
    }

    /// Forgets a row.
    pub(crate) fn forget(&mut self, row: usize) {
        self.put(row, ABSENT);
    }

    fn put(&mut self, row: usize, id: u32) {
        if self.of_row.len() <= row {
            self.of_row.resize(row.saturating_add(1), ABSENT);
        }
        let before = std::mem::replace(&mut self.of_row[row], id);
        self.count(before, -1);
        self.count(id, 1);
    }

    fn count(&mut self, id: u32, by: i32) {
        let rows = &mut self.rows[id as usize];
        let was = *rows;
        *rows = rows.saturating_add_signed(by);
        if id != ABSENT {
            let change = i32::from(*rows > 0).saturating_sub(i32::from(was > 0));
            self.distinct = self.distinct.saturating_add_signed(change);
        }
    }

    /// Whether values that nobody has any more take most of the room.
    pub(crate) fn is_stale(&self) -> bool {
        self.values.len() > 64_usize.saturating_add(self.of_row.len().saturating_mul(2))
    }
}
