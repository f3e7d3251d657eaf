//! Statistics of a run's notes: how independent requests were, and whether there was a trend.

use results::{Series, TimeHistogram};

/// Blocks of the window whose mean response times are compared to find a trend.
const BLOCKS: usize = 10;

/// Batches whose means show how strongly neighbouring requests are correlated.
const BATCHES: usize = 20;

/// The effective sample size: how many independent requests would be worth as much as these. It is
/// found by batch means: where neighbours are correlated, the means of batches vary more than those
/// of independent requests would. Unanswered requests are part of the count.
pub(super) fn effective_samples(response_time: &TimeHistogram, series: &Series) -> f64 {
    let count = (response_time.count() + response_time.unanswered()) as f64;
    let batches = series.means(BATCHES.min(series.slices.len()));
    let (Some(mean), Some(squared_variation)) =
        (response_time.mean_ns(), response_time.squared_variation())
    else {
        return count;
    };
    let variance = squared_variation * mean * mean;
    if batches.len() < BATCHES / 2 || variance <= 0.0 {
        return count;
    }
    // For independent requests a batch's mean varies by variance / size: weighted by size, all
    // batches have one scale.
    let spread: f64 =
        batches.iter().map(|(size, batch)| *size as f64 * (batch - mean).powi(2)).sum();
    let inflation = spread / (batches.len() - 1) as f64 / variance;
    count / inflation.max(1.0)
}

/// The last block's mean response time divided by the first's, if there is a trend over the whole
/// window. There is one if the change is not small and the rank correlation of block and mean is
/// nearly 1 or −1, which chance alone causes in fewer than 3 of 1,000 runs.
pub(super) fn trend(series: &Series) -> Option<f64> {
    let means: Vec<f64> = series.means(BLOCKS).into_iter().map(|(_, mean)| mean).collect();
    let (first, last) = (means.first()?, means.last()?);
    if means.len() < BLOCKS - 1 || *first <= 0.0 {
        return None;
    }
    let ratio = last / first;
    let substantial = !(0.67..1.5).contains(&ratio);
    (substantial && rank_correlation(&means).abs() > 0.83).then_some(ratio)
}

/// Spearman's rank correlation of values with their positions.
fn rank_correlation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let distance: f64 = values
        .iter()
        .enumerate()
        .map(|(position, value)| {
            let below = values.iter().filter(|other| *other < value).count();
            let difference = below as f64 - position as f64;
            difference * difference
        })
        .sum();
    1.0 - 6.0 * distance / (n * (n * n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_knows_order() {
        assert!((rank_correlation(&[1.0, 2.0, 5.0, 9.0]) - 1.0).abs() < 1e-12);
        assert!((rank_correlation(&[9.0, 5.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert!(rank_correlation(&[3.0, 9.0, 1.0, 4.0, 2.0, 5.0]).abs() < 0.5);
    }
}
