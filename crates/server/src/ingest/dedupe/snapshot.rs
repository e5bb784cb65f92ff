//! The state of [`Dedupe`] as bytes: `magic | crc32 of the rest | as_of | forgetful | agents`, all numbers little-endian.
//!
//! A snapshot holds for one place in the log: everything up to `as_of` is in it, nothing after.

use roaring::RoaringTreemap;
use schema::{AgentId, IngestSeq};

use super::{Agent, Counters, Dedupe, EPOCHS, Epoch, MAX_ABSENT};

const MAGIC: &[u8; 8] = b"angdups1";

/// Bytes that are no snapshot of ours.
#[derive(Debug, thiserror::Error)]
#[error("the dedupe snapshot is damaged: {0}")]
pub struct Damaged(&'static str);

/// Writes the state as it is after `as_of`.
#[must_use]
pub fn write(state: &Dedupe, as_of: IngestSeq) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + state.agents.len() * 160);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[0; 4]);
    put(&mut out, as_of.0);
    out.push(u8::from(state.forgetful));
    put(&mut out, state.agents.len() as u64);
    for (id, agent) in &state.agents {
        out.extend_from_slice(&id.bytes());
        put(&mut out, agent.dropped.map_or(u64::MAX, u64::from));
        put(&mut out, agent.epochs.len() as u64);
        agent.epochs.iter().for_each(|epoch| write_epoch(epoch, &mut out));
    }
    let crc = crc32fast::hash(&out[12..]);
    out[8..12].copy_from_slice(&crc.to_le_bytes());
    out
}

fn write_epoch(epoch: &Epoch, out: &mut Vec<u8>) {
    put(out, u64::from(epoch.number));
    out.push(u8::from(epoch.forgetful));
    out.push(u8::from(epoch.nonce.is_some()));
    out.extend_from_slice(&epoch.nonce.unwrap_or(0).to_le_bytes());
    for lane in &epoch.lanes {
        put(out, lane.next);
        put(out, lane.floor);
        put(out, lane.absent.len() as u64);
        for &(first, last) in &lane.absent {
            put(out, first);
            put(out, last);
        }
        put(out, lane.beyond.serialized_size() as u64);
        // Writing to a Vec cannot fail; if it did, the length above would not fit and reading would say so.
        if lane.beyond.serialize_into(&mut *out).is_err() {
            return;
        }
    }
}

fn put(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Reads what [`write()`] wrote.
///
/// # Errors
/// The bytes are damaged.
pub fn read(bytes: &[u8]) -> Result<(Dedupe, IngestSeq), Damaged> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Damaged("no magic"))?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or(Damaged("too short"))?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*crc) {
        return Err(Damaged("checksum"));
    }
    let mut input = Input(rest);
    let as_of = IngestSeq(input.number()?);
    let mut state = Dedupe { forgetful: input.flag()?, ..Dedupe::default() };
    for _ in 0..input.number()? {
        let id = AgentId::from_bytes(input.array()?);
        let dropped = u32::try_from(input.number()?).ok();
        let count = input.number()?;
        let epochs = (0..count.min(EPOCHS as u64)).map(|_| input.epoch()).collect::<Result<_, _>>()?;
        state.agents.insert(id, Agent { epochs, dropped });
    }
    Ok((state, as_of))
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(Damaged("ends early"))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        self.take(N)?.try_into().map_err(|_| Damaged("ends early"))
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn flag(&mut self) -> Result<bool, Damaged> {
        Ok(self.array::<1>()? != [0])
    }

    fn epoch(&mut self) -> Result<Epoch, Damaged> {
        let number = u32::try_from(self.number()?).map_err(|_| Damaged("epoch"))?;
        let (forgetful, has_nonce) = (self.flag()?, self.flag()?);
        let nonce = u128::from_le_bytes(self.array()?);
        let lanes = [self.counters()?, self.counters()?, self.counters()?];
        Ok(Epoch { number, nonce: has_nonce.then_some(nonce), forgetful, lanes })
    }

    fn counters(&mut self) -> Result<Counters, Damaged> {
        let (next, floor, ranges) = (self.number()?, self.number()?, self.number()?);
        if ranges > MAX_ABSENT as u64 {
            return Err(Damaged("too many ranges"));
        }
        let absent = (0..ranges).map(|_| Ok((self.number()?, self.number()?))).collect::<Result<_, Damaged>>()?;
        let len = usize::try_from(self.number()?).map_err(|_| Damaged("bitmap"))?;
        let beyond = RoaringTreemap::deserialize_from(self.take(len)?).map_err(|_| Damaged("bitmap"))?;
        Ok(Counters { next, beyond, absent, floor, watch: None })
    }
}
