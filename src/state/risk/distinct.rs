//! How many different things were seen, in 768 bytes: a `HyperLogLog` (Flajolet et al., 2007) of 1,024 registers of 6 bits,
//! with a standard error of 3.25 %.
//!
//! What is counted are digests: the first 8 bytes of SHA-256 under a fixed key. A fixed key is enough, as the only count
//! that crafted names can falsify is that of the agent who asks for them, and names that hide each other are not those of
//! what it is after.

use alloc::boxed::Box;

use super::fading;

/// Registers; the first 10 bits of a digest choose one.
const REGISTERS: usize = 1024;
/// Bytes of all registers.
pub(super) const BYTES: usize = REGISTERS * 6 / 8;
/// 0.7213 / (1 + 1.079 / 1024) · 1024², of the raw estimate.
const ALPHA: u128 = 755_542;
/// Up to here (2.5 registers) the count of empty registers tells more.
const SMALL: u64 = 2_560;

/// A set of which only the size is known. Nothing is allocated before something is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Distinct {
    registers: Option<Box<[u8; BYTES]>>,
    /// Counted when a register changes, which is seldom once there are many.
    count: u64,
}

impl Distinct {
    /// Puts a digest in.
    pub(super) fn insert(&mut self, digest: u64) {
        let registers = self.registers.get_or_insert_with(|| Box::new([0; BYTES]));
        let index = usize::try_from(digest >> 54).unwrap_or_default();
        // Its place among the 54 bits that are left: 1 to 55.
        let rank = ((digest << 10) | (1 << 9)).leading_zeros() + 1;
        let rank = u8::try_from(rank).unwrap_or(u8::MAX);
        if rank > read(registers, index) {
            write(registers, index, rank);
            self.count = counted(registers);
        }
    }

    /// How many there are, about.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.registers.is_none()
    }

    pub(super) fn bytes(&self) -> Option<&[u8; BYTES]> {
        self.registers.as_deref()
    }

    /// The set of these registers. Any bytes are one.
    pub(super) fn from_bytes(bytes: &[u8; BYTES]) -> Self {
        Self { count: counted(bytes), registers: Some(Box::new(*bytes)) }
    }
}

/// The estimate of the registers.
fn counted(registers: &[u8; BYTES]) -> u64 {
    let ranks = (0..REGISTERS).map(|index| read(registers, index));
    // The sum of 2^-rank, with 64 bits after the point.
    let (sum, empty) = ranks.fold((0u128, 0u64), |(sum, empty), rank| {
        (sum + (1u128 << (64 - u32::from(rank.min(64)))), empty + u64::from(rank == 0))
    });
    let raw = u64::try_from((ALPHA << 64) / sum.max(1)).unwrap_or(u64::MAX);
    if raw <= SMALL && empty > 0 {
        // 1024 · ln(1024 / empty); ln 2 is 45,426 of 65,536.
        let log = (10 << 16) - fading::log2(empty);
        return ((log * 45_426) >> 22).max(1);
    }
    raw
}

/// The bit that a register begins at, as a byte and a shift; it ends in the same or the next byte.
fn place(index: usize) -> (usize, u32) {
    let bit = index * 6;
    (bit / 8, u32::try_from(bit % 8).unwrap_or_default())
}

fn read(registers: &[u8; BYTES], index: usize) -> u8 {
    let (byte, shift) = place(index);
    let at = |i: usize| u16::from(registers.get(i).copied().unwrap_or_default());
    let pair = at(byte) | (at(byte + 1) << 8);
    u8::try_from((pair >> shift) & 63).unwrap_or_default()
}

fn write(registers: &mut [u8; BYTES], index: usize, rank: u8) {
    let (byte, shift) = place(index);
    let value = u16::from(rank.min(63)) << shift;
    let mask = !(63u16 << shift);
    for (offset, (value, mask)) in value.to_le_bytes().into_iter().zip(mask.to_le_bytes()).enumerate() {
        if let Some(register) = registers.get_mut(byte + offset) {
            *register = (*register & mask) | value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sha256;

    fn digest(i: u64) -> u64 {
        u64::from_be_bytes(sha256(&i.to_be_bytes())[..8].try_into().unwrap())
    }

    #[test]
    fn counts_are_within_four_standard_errors() {
        for count in [1u64, 2, 10, 100, 1_000, 3_000, 10_000, 100_000] {
            let mut set = Distinct::default();
            (0..count).for_each(|i| set.insert(digest(i)));
            (0..count).for_each(|i| set.insert(digest(i)));
            let found = set.count();
            assert!(found.abs_diff(count) <= 1 + count * 13 / 100, "{count}: {found}");
        }
        assert_eq!(Distinct::default().count(), 0);
    }

    #[test]
    fn registers_do_not_touch_each_other() {
        let mut registers = [0u8; BYTES];
        let rank = |i: usize| u8::try_from(i * 7 % 56).unwrap();
        (0..REGISTERS).for_each(|i| write(&mut registers, i, rank(i)));
        (0..REGISTERS).for_each(|i| assert_eq!(read(&registers, i), rank(i), "{i}"));
    }

    #[test]
    fn any_registers_have_a_count() {
        for byte in [0, 1, 0x55, 0xff] {
            let set = Distinct::from_bytes(&[byte; BYTES]);
            let _ = set.count();
        }
        assert!(Distinct::from_bytes(&[0xff; BYTES]).count() > 1 << 40);
        let mut set = Distinct::default();
        set.insert(0);
        set.insert(u64::MAX);
        assert_eq!(set.count(), 2);
    }
}
