//! What was told of a message last, as far as it is counted: what a later row of it takes back.

use mailvane_model::word::{Direction, Population};
use mailvane_model::{Address, MessageRow};

use crate::encoding::{Damaged, Reader, Writer};
use crate::life::Life;
use crate::text::Span;

/// The counted fields of the row of a message that was told last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    /// How many revisions were told; with none, nothing else here says anything.
    pub(crate) rev: u32,
    pub(crate) direction: Direction,
    /// Whether the rest is known: older pieces have the revision and the direction alone.
    known: bool,
    population: Population,
    chain: u64,
    previous_hop: u64,
    size: Option<u64>,
    recipients: Option<u32>,
    /// Sender (two parts), client's name and address, user: texts of the life.
    texts: [Span; TEXTS],
}

const TEXTS: usize = 5;

fn texts_of(life: &Life) -> [Span; TEXTS] {
    [life.sender_local, life.sender_domain, life.client_name, life.client_ip, life.sasl_user]
}

impl Told {
    /// What is told of a message with this row.
    pub(crate) fn of(life: &Life, row: &MessageRow<'_>) -> Self {
        Told {
            rev: row.rev + 1,
            direction: row.direction,
            known: true,
            population: row.population,
            chain: row.chain,
            previous_hop: row.previous_hop,
            size: row.size,
            recipients: row.recipients,
            texts: texts_of(life),
        }
    }

    /// The row that was told, as far as it is counted; the rest is of `row`, which replaces it. Where it is not known, nothing is taken back
    /// but what is counted again.
    pub(crate) fn row<'a>(&self, life: &'a Life, row: &MessageRow<'a>) -> MessageRow<'a> {
        if !self.known {
            return MessageRow { rev: self.rev.saturating_sub(1), ..*row };
        }
        let [local, domain, client_name, client_ip, sasl_user] = self.texts.map(|text| life.texts.get(text));
        MessageRow {
            rev: self.rev.saturating_sub(1),
            direction: self.direction,
            population: self.population,
            chain: self.chain,
            previous_hop: self.previous_hop,
            size: self.size,
            recipients: self.recipients,
            sender: Address { local, domain },
            client_name,
            client_ip,
            sasl_user,
            ..*row
        }
    }

    /// Writes what is not written of every life: nothing of one that was not told.
    pub(crate) fn write(&self, life: &Life, writer: &mut Writer) {
        if self.rev == 0 {
            return;
        }
        writer.byte(self.population.code());
        writer.word(self.chain);
        writer.word(self.previous_hop);
        writer.optional(self.size);
        writer.optional(self.recipients.map(u64::from));
        let same = self.texts.map(|text| life.texts.get(text)) == texts_of(life).map(|text| life.texts.get(text));
        writer.byte(u8::from(same));
        if !same {
            self.texts.iter().for_each(|text| writer.text(life.texts.get(*text)));
        }
    }

    /// Reads what [`Told::write`] wrote. `all`: the piece has more of it than revision and direction.
    pub(crate) fn read(reader: &mut Reader<'_>, all: bool, life: &mut Life, rev: u32, direction: Direction) -> Result<Self, Damaged> {
        if rev == 0 || !all {
            return Ok(Told { rev, direction, ..Told::default() });
        }
        let told = Told {
            rev,
            direction,
            known: true,
            population: Population::from_code(reader.byte()?).ok_or(Damaged)?,
            chain: reader.word()?,
            previous_hop: reader.word()?,
            size: reader.optional()?,
            recipients: reader.optional()?.map(|count| count as u32),
            texts: texts_of(life),
        };
        if reader.byte()? == 1 {
            return Ok(told);
        }
        let mut texts = [Span::default(); TEXTS];
        for text in &mut texts {
            *text = life.texts.add(reader.text()?);
        }
        Ok(Told { texts, ..told })
    }
}
