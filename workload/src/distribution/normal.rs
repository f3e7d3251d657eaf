//! The normal distribution.

/// The value that a standard normal variable exceeds with probability 1 − `p`: Wichura's AS 241
/// in its shorter form (PPND7), exact to seven digits.
pub(super) fn quantile(p: f64) -> f64 {
    let q = p.clamp(1e-300, 1.0 - 1e-16) - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q
            * (((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r + 3.387_132_717_9)
            / (((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r + 1.0);
    }
    let tail = if q < 0.0 { q + 0.5 } else { 0.5 - q };
    let r = (-libm::log(tail.max(1e-300))).sqrt();
    let magnitude = if r <= 5.0 {
        let r = r - 1.6;
        (((0.170_238_210_3 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r + 1.423_437_277_7)
            / ((0.120_211_325_75 * r + 0.737_001_642_50) * r + 1.0)
    } else {
        let r = r - 5.0;
        (((0.017_337_203_997 * r + 0.428_682_947_19) * r + 3.081_226_386_1) * r + 6.657_905_115_0)
            / ((0.012_258_202_635 * r + 0.241_978_942_68) * r + 1.0)
    };
    if q < 0.0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_that_of_the_tables() {
        for (p, expected) in
            [(0.5, 0.0), (0.975, 1.959_964), (0.001, -3.090_232), (1e-9, -5.997_807)]
        {
            assert!((quantile(p) - expected).abs() < 1e-5, "{p}: {}", quantile(p));
        }
    }
}
