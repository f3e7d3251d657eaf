//! What notes say about themselves: how independent requests were, and whether there was a trend.

use results::{Series, TimeHistogram};

/// Blocks into which the window is cut to see whether response time stays what it is.
const BLOCKS: usize = 10;

/// Batches of which the means tell how far neighbours are alike.
const BATCHES: usize = 20;

/// How many independent requests would tell as much as these, by batch means: where neighbours
/// are alike, the means of batches vary more than those of independent requests would. The
/// unanswered count as they are.
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
    // Each batch's mean would vary by variance / size; weighted by size, all have one scale.
    let spread: f64 =
        batches.iter().map(|(size, batch)| *size as f64 * (batch - mean).powi(2)).sum();
    let inflation = spread / (batches.len() - 1) as f64 / variance;
    count / inflation.max(1.0)
}

/// A trend over the whole window: the last block's mean response time to the first's, where the rank
/// correlation of block and mean is nearly 1 or −1, which chance alone does in fewer than 3 of 1,000
/// runs, and the change is not small.
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
