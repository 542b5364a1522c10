//! Bytes appended to a line without the cost of the formatting machinery: a simulated day is millions of lines.

/// What can be appended to a line.
pub(crate) trait Text {
    fn put(&mut self, text: &str) -> &mut Self;
    fn number(&mut self, value: u64) -> &mut Self;
    fn padded(&mut self, value: u64, width: usize) -> &mut Self;
    fn hex(&mut self, value: u64, width: usize, upper: bool) -> &mut Self;
    fn letters(&mut self, value: u64, count: usize) -> &mut Self;
    fn seconds(&mut self, micros: i64) -> &mut Self;
}

const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl Text for Vec<u8> {
    #[inline]
    fn put(&mut self, text: &str) -> &mut Self {
        self.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, value: u64) -> &mut Self {
        self.padded(value, 1)
    }

    /// Decimal, with leading zeros up to `width`.
    fn padded(&mut self, value: u64, width: usize) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut rest = value;
        let mut start = digits.len();
        while rest > 0 {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let start = start.min(digits.len() - width.min(digits.len()));
        self.extend_from_slice(&digits[start..]);
        self
    }

    /// Hexadecimal, with leading zeros up to `width`.
    fn hex(&mut self, value: u64, width: usize, upper: bool) -> &mut Self {
        let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let needed = (64 - value.leading_zeros() as usize).div_ceil(4).max(width).max(1);
        for place in (0..needed).rev() {
            self.push(digits[(value >> (place * 4)) as usize & 15]);
        }
        self
    }

    /// So many letters and digits out of the bits of `value`.
    fn letters(&mut self, value: u64, count: usize) -> &mut Self {
        let mut rest = value;
        for place in 0..count {
            if place % 12 == 11 {
                rest = crate::prng::mix(value ^ place as u64);
            }
            self.push(LETTERS[(rest & 31) as usize]);
            rest >>= 5;
        }
        self
    }

    /// Seconds as Postfix writes delays: two significant digits, at most two decimals, no trailing zeros.
    fn seconds(&mut self, micros: i64) -> &mut Self {
        let micros = micros.max(0) as u64;
        if micros >= 9_950_000 {
            return self.number((micros + 500_000) / 1_000_000);
        }
        let hundredths = if micros >= 995_000 { (micros + 50_000) / 100_000 * 10 } else { (micros + 5_000) / 10_000 };
        self.number(hundredths / 100);
        let (tenth, hundredth) = (hundredths / 10 % 10, hundredths % 10);
        if hundredth > 0 {
            self.put(".").number(tenth).number(hundredth);
        } else if tenth > 0 {
            self.put(".").number(tenth);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_as_they_are() {
        assert_eq!(shown(|out| _ = out.number(0)), "0");
        assert_eq!(shown(|out| _ = out.number(u64::MAX)), u64::MAX.to_string());
        assert_eq!(shown(|out| _ = out.padded(7, 2)), "07");
        assert_eq!(shown(|out| _ = out.padded(1234, 2)), "1234");
        assert_eq!(shown(|out| _ = out.hex(0xabc, 5, true)), "00ABC");
    }

    #[test]
    fn delays_have_two_significant_digits() {
        for (micros, text) in [
            (0, "0"),
            (4_000, "0"),
            (60_000, "0.06"),
            (100_000, "0.1"),
            (330_000, "0.33"),
            (1_440_000, "1.4"),
            (2_000_000, "2"),
            (14_200_000, "14"),
            (432_000_000_000, "432000"),
        ] {
            assert_eq!(shown(|out| _ = out.seconds(micros)), text);
        }
    }
}
